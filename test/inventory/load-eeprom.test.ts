// Boot loader images that an inventory names, and what `check` says of those that must not be flashed.
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { loadInventory } from "../../src/inventory/load/load-inventory.ts";
import { renderProblems } from "../../src/terminal/code-frame.ts";
import { makeImage } from "../firmware/eeprom-fixture.ts";
import { temporaryFolder } from "../support/folder.ts";

const IMAGE = makeImage({
  chip: 2712,
  files: { "bootconf.txt": Buffer.from("BOOT_ORDER=0xf461\n") },
});

const sha256 = (bytes: Buffer): string =>
  createHash("sha256").update(bytes).digest("hex");

describe("eeprom: recovery", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
    await mkdir(join(folder, "loader"));
    await writeFile(join(folder, "loader/pieeprom.bin"), IMAGE);
    await writeFile(join(folder, "loader/recovery.bin"), "recovery");
    await writeFile(
      join(folder, "key.pub"),
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x ana@laptop\n",
    );
  });

  const load = async (board = "pi5", image = "loader/pieeprom.bin") => {
    const path = join(folder, "cluster.yaml");
    await writeFile(
      path,
      `cluster: {name: homelab}
defaults: {users: [{name: ana, sshKeys: [file:key.pub]}]}
nodes:
  - {name: cplane, role: control-plane}
  - {name: worker1, role: worker, board: ${board}, eeprom: recovery, eepromImage: "file:${image}"}
`,
    );
    const { project, problems, files } = await loadInventory({
      path,
      env: {},
      home: folder,
    });
    return {
      node: project?.nodes[1],
      said: renderProblems(problems, files, { color: false }),
    };
  };

  it("takes an image of the board's chip, and warns", async () => {
    const { node, said } = await load();
    expect(node).toMatchObject({
      eeprom: "recovery",
      eepromImage: join(folder, "loader/pieeprom.bin"),
    });
    expect(said).toContain("warning[EEPROM_RECOVERY]");
    expect(said).toContain(
      "replaces the boot loader of the first board it starts in",
    );
  });

  it("takes one with its right signature", async () => {
    await writeFile(
      join(folder, "loader/pieeprom.sig"),
      `${sha256(IMAGE)}\nts: 1790000000\n`,
    );
    expect((await load()).node).toBeDefined();
  });

  const refused = async (
    why: string,
    ...args: Parameters<typeof load>
  ): Promise<void> => {
    const { node, said } = await load(...args);
    expect(node).toBeUndefined();
    expect(said).toContain(why);
    expect(said).toContain("cluster.yaml:5:");
  };

  it("refuses an image of the other chip", async () => {
    await refused(
      "loader/pieeprom.bin is a boot loader for the BCM2712, and a Raspberry Pi 4 has a BCM2711",
      "pi4",
    );
  });

  it("refuses a file that is not an image", async () => {
    await refused(
      "loader/recovery.bin has 8 bytes",
      "pi5",
      "loader/recovery.bin",
    );
  });

  it.each([
    ["nothing\n", "does not begin with a line of 64 hex digits"],
    [`${"0".repeat(64)}\n`, "has the SHA-256 of another image (line 1)"],
    [
      `${sha256(IMAGE)}\nts: 1\ntarget-soc: 2711\n`,
      "is for the chip BCM2711 (line 3)",
    ],
  ])("refuses a signature that is wrong: %j", async (signature, why) => {
    await writeFile(join(folder, "loader/pieeprom.sig"), signature);
    await refused(`loader/pieeprom.sig ${why}`);
  });

  it("refuses an image without the program that flashes it", async () => {
    await mkdir(join(folder, "alone"));
    await writeFile(join(folder, "alone/pieeprom.bin"), IMAGE);
    await refused(
      "alone/recovery.bin cannot be used: there is no such file",
      "pi5",
      "alone/pieeprom.bin",
    );
  });
});
