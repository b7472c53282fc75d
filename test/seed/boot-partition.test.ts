// The entry of bootcmd that closes the boot partition to everybody but root, on a node in a folder.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { renderSeed } from "./render-seed.ts";
import { sampleNode, sampleProject, seedInput } from "./sample-project.ts";

const { seed } = renderSeed(await seedInput(sampleProject, sampleNode));
const { bootcmd } = parse(seed?.userData ?? "") as {
  readonly bootcmd: readonly (readonly string[])[];
};

const ROOT_LINE = "LABEL=writable\t/\text4\tdefaults\t0\t1";
const UBUNTU =
  "LABEL=system-boot       /boot/firmware  vfat    defaults        0       1";
const OPEN = "rw,relatime,fmask=0022,dmask=0022";
const CLOSED = "rw,relatime,fmask=0077,dmask=0077";

/** The kernel takes a mask when it mounts, and only then. */
const TOOLS: Readonly<Record<string, string>> = {
  findmnt: `[ ! -e "$world/options" ] || echo "/boot/firmware /dev/x vfat $(cat "$world/options")"`,
  umount: `[ ! -e "$world/busy" ] || exit 32; rm "$world/options"`,
  mount: `case "$*" in *remount*) exit 0 ;; esac
    if grep -q 'firmware.*umask=0077' "$world/fstab"; then echo ${CLOSED}; else echo ${OPEN}; fi >"$world/options"`,
  systemctl: "exit 0",
  sync: "exit 0",
};

let world: string;

beforeEach(() => {
  world = mkdtempSync(join(tmpdir(), "pi-image-node-"));
  mkdirSync(join(world, "bin"));
  for (const [tool, script] of Object.entries(TOOLS)) {
    const path = join(world, "bin", tool);
    writeFileSync(
      path,
      `#!/bin/sh\nworld=${world}\necho "${tool} $*" >>"$world/calls"\n${script}\n`,
    );
    chmodSync(path, 0o755);
  }
  writeFileSync(join(world, "options"), OPEN);
});

afterEach(() => rmSync(world, { recursive: true }));

const put = (name: string, text: string): void =>
  writeFileSync(join(world, name), text);
const read = (name: string): string => readFileSync(join(world, name), "utf8");

/** Runs it as one boot does; gives the calls of the tools. */
const boot = (): readonly string[] => {
  put("calls", "");
  const script = (bootcmd[1]?.[2] ?? "").replace(
    "/etc/fstab",
    join(world, "fstab"),
  );
  const { status } = spawnSync("sh", ["-c", script], {
    env: { PATH: `${join(world, "bin")}:/usr/bin:/bin` },
  });
  expect(status === null).toBe(false);
  return read("calls").trim().split("\n");
};

describe("the boot partition", () => {
  it.each([
    UBUNTU,
    "PARTUUID=1a2b3c4d-01  /boot/firmware  vfat    defaults          0       2",
    "LABEL=x\t/boot/firmware\tvfat\tdefaults,fmask=0022,dmask=0022\t0\t1",
    // The mask that counts is the last one.
    "LABEL=x\t/boot/firmware\tvfat\tumask=0077,fmask=0022\t0\t1",
    "LABEL=x\t/boot/firmware\tvfat\tdmask=0077,fmask=0077",
  ])(
    "is closed by mounting it anew, at the first boot and once (%s)",
    (line) => {
      const other = "LABEL=UEFI\t/boot/efi\tvfat\tumask=0077\t0\t1";
      put("fstab", `${ROOT_LINE}\n#${line}\n${line}\n${other}\n`);
      expect(boot()).toEqual([
        "sync ",
        "systemctl daemon-reload",
        "findmnt --noheadings --types vfat /boot/firmware",
        "umount /boot/firmware",
        "mount /boot/firmware",
      ]);
      expect(read("options").trim()).toBe(CLOSED);
      const [, options = ""] = /vfat\s+(\S+)/.exec(line) ?? [];
      const changed = line.replace(options, `${options},umask=0077`);
      const fstab = `${ROOT_LINE}\n#${line}\n${changed}\n${other}\n`;
      expect(read("fstab")).toBe(fstab);
      expect(boot()).toEqual([
        "findmnt --noheadings --types vfat /boot/firmware",
      ]);
      expect(read("fstab")).toBe(fstab);
    },
  );

  it("stays mounted while something uses it, and is closed from the next boot on", () => {
    put("fstab", `${UBUNTU}\n`);
    put("busy", "");
    boot();
    expect(read("options").trim()).toBe(OPEN);
    expect(read("fstab")).toContain("defaults,umask=0077");
  });

  it("is left alone where fstab has none", () => {
    put("fstab", `${ROOT_LINE}\n`);
    rmSync(join(world, "options"));
    expect(boot()).toEqual([
      "findmnt --noheadings --types vfat /boot/firmware",
    ]);
    expect(read("fstab")).toBe(`${ROOT_LINE}\n`);
  });
});
