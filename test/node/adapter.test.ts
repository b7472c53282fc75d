// Whether the boot loader has to look for the NVMe disk by itself, told from config.txt.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { temporaryFolder } from "../support/folder.ts";

const script = packageFile(
  "cloud-init/files/usr/local/lib/pi-image/adapter.sh",
);

const needsProbe = async (
  line: string,
  { asked = "", board = "yes" } = {},
): Promise<boolean> => {
  const folder = await temporaryFolder();
  mkdirSync(join(folder, "boot"));
  writeFileSync(join(folder, "boot/config.txt"), `[all]\n${line}\n[all]\n`);
  if (asked !== "") {
    writeFileSync(join(folder, "adapter"), `${asked}\n`);
  }
  const { status, stderr } = spawnSync(
    "bash",
    ["--norc", "-euc", '. "$1"; needs_probe', "bash", script],
    {
      encoding: "utf8",
      env: {
        PATH: process.env["PATH"],
        boot: join(folder, "boot"),
        state: folder,
        this_boot: "boot-2",
        PI_IMAGE_PCIE_PROBE: board,
      },
    },
  );
  expect(stderr).toBe("");
  return status === 0;
};

describe("a disk that answers needs PCIE_PROBE", () => {
  it.each([
    "dtparam=pciex1",
    "dtparam=nvme",
    "dtparam=pciex1=on",
    "dtparam=audio=off,pciex1=1,spi=on",
    "device_tree_param=nvme=yes",
    "dtparam=pciex1\r",
  ])("where config.txt has %j", async (line) => {
    expect(await needsProbe(line)).toBe(true);
  });

  it.each([
    "",
    "#dtparam=pciex1",
    "dtparam=pciex1=off",
    "dtparam=pciex1_gen=3",
    "dtparam=pciex1_no_l0s",
  ])("and not where it has %j", async (line) => {
    expect(await needsProbe(line)).toBe(false);
  });

  it("as long as the connector of this start counts, and not what was written since", async () => {
    expect(await needsProbe("dtparam=pciex1", { asked: "laid boot-2" })).toBe(
      false,
    );
    expect(await needsProbe("dtparam=pciex1", { asked: "laid boot-1" })).toBe(
      true,
    );
    expect(await needsProbe("", { asked: "none boot-2" })).toBe(true);
    expect(await needsProbe("", { asked: "none boot-1" })).toBe(false);
  });

  it("never on boards whose boot loader always looks", async () => {
    expect(await needsProbe("dtparam=pciex1", { board: "no" })).toBe(false);
  });
});
