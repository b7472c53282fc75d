// What a card carries to flash a boot loader, judged by reading it back.
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { recoveryFiles } from "../../src/build/recovery-files.ts";
import type { ResolvedNode } from "../../src/inventory/resolved.ts";
import { makeImage } from "../firmware/eeprom-fixture.ts";
import { sampleNode } from "../seed/sample-project.ts";
import { temporaryFolder } from "../support/folder.ts";

const TIME = new Date("2026-11-20T06:00:00Z");

const imageWith = (settings: string): Buffer =>
  makeImage({
    chip: 2712,
    files: {
      "bootconf.sig": Buffer.from("none"),
      "bootconf.txt": Buffer.from(settings),
    },
  });

const made = async (node: Partial<ResolvedNode>, image: Buffer) => {
  const folder = await temporaryFolder();
  const eepromImage = join(folder, "pieeprom-2026-05-26.bin");
  await writeFile(eepromImage, image);
  await writeFile(join(folder, "recovery.bin"), "recovery");
  const files = await recoveryFiles(
    { ...sampleNode, eeprom: "recovery", eepromImage, ...node },
    TIME,
  );
  return new Map(files.map(({ name, data }) => [name, Buffer.from(data)]));
};

describe("a card that flashes the boot loader", () => {
  it("carries the vendor's image, its checksum and the program that flashes it", async () => {
    const image = imageWith("BOOT_ORDER=0xf461\n");
    const files = await made({}, image);
    expect([...files.keys()]).toEqual([
      "pieeprom.upd",
      "pieeprom.sig",
      "recovery.bin",
    ]);
    expect(files.get("pieeprom.upd")?.equals(image)).toBe(true);
    const digest = createHash("sha256").update(image).digest("hex");
    expect(files.get("pieeprom.sig")?.toString()).toBe(
      `${digest}\nts: 1795154400\ntarget-soc: 2712\n`,
    );
    expect(files.get("recovery.bin")?.toString()).toBe("recovery");
  });

  it("sets the order that the node needs, and nothing else", async () => {
    const files = await made(
      { storage: "sd-to-nvme", keepCard: true },
      imageWith("[all]\nBOOT_UART=1\nBOOT_ORDER=0xf461\n"),
    );
    const wanted = imageWith(
      "[all]\nBOOT_UART=1\nBOOT_ORDER=0xf416\nPCIE_PROBE=1\n",
    );
    expect(files.get("pieeprom.upd")?.equals(wanted)).toBe(true);
  });

  it("is made only where the inventory asks for it", async () => {
    const image = imageWith("BOOT_ORDER=0xf461\n");
    expect((await made({ eeprom: "auto" }, image)).size).toBe(0);
  });

  it("is not made from a file that has changed since it was checked", async () => {
    await expect(made({}, Buffer.alloc(3))).rejects.toMatchObject({
      code: "EEPROM_IMAGE_UNUSABLE",
    });
  });
});
