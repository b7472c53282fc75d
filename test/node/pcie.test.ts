// The trial of PCIe Gen 3, with a firmware that reads config.txt and tryboot.txt as the real one does.
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { ResolvedNode } from "../../src/inventory/resolved.ts";
import { sampleNode, sampleProject } from "../seed/sample-project.ts";
import { packageFile } from "../../src/system/package-files.ts";
import {
  calls,
  type Circumstances,
  describeNode,
  layNode,
  restart,
  runOnNode,
  status,
} from "./fake-node.ts";

const fast: ResolvedNode = { ...sampleNode, storage: "nvme", pcieGen: 3 };

const ubuntu = (version: string, name: string): string =>
  readFileSync(
    packageFile(`profiles/base-images/boot-${version}/${name}`),
    "utf8",
  );

const LAYOUTS = {
  "24.04": {
    "boot/firmware/config.txt": ubuntu("24.04", "config.txt"),
    "boot/firmware/cmdline.txt": ubuntu("24.04", "cmdline.txt"),
  },
  "26.04": {
    "boot/firmware/config.txt": ubuntu("26.04", "config.txt"),
    "boot/firmware/autoboot.txt": ubuntu("26.04", "autoboot.txt"),
    "boot/firmware/current/cmdline.txt": ubuntu("26.04", "current/cmdline.txt"),
  },
} as const;

type Layout = keyof typeof LAYOUTS;

const AER = "sys/bus/pci/devices/0000:01:00.0/aer_dev_correctable";

const layFast = (layout: Layout, more: Partial<Circumstances> = {}) =>
  layNode({
    project: sampleProject,
    node: fast,
    ...more,
    files: {
      ...LAYOUTS[layout],
      "sys/class/nvme/nvme0/address": "0000:01:00.0\n",
      [AER]: "RxErr 0\nBadTLP 0\nTOTAL_ERR_COR 0\n",
      ...more.files,
    },
    world: { link: "2", "speed-2": "417", "speed-3": "791", ...more.world },
  });

/** What a firmware makes of the boot partition: the settings in force, and where the kernel comes from. */
const readConfig = (root: string, tryboot: boolean) => {
  const boot = join(root, "boot/firmware");
  const sections = existsSync(join(boot, "autoboot.txt"));
  const name =
    tryboot && !sections && existsSync(join(boot, "tryboot.txt"))
      ? "tryboot.txt"
      : "config.txt";
  const values = new Map<string, string>();
  let holds = true;
  for (const line of readFileSync(join(boot, name), "utf8").split("\n")) {
    const filter = /^\[(.*)\]$/.exec(line.trim())?.[1];
    if (filter !== undefined) {
      holds =
        ["all", "pi5"].includes(filter) || (filter === "tryboot" && tryboot);
    } else if (holds && line.includes("=") && !line.startsWith("#")) {
      const key = /^dtparam=pciex1_gen/.exec(line)?.[0] ?? line.split("=")[0];
      values.set(key ?? "", line.slice((key ?? "").length + 1));
    }
  }
  return {
    gen: values.get("dtparam=pciex1_gen") ?? "2",
    prefix: values.get("os_prefix") ?? "",
    cmdline: values.get("cmdline") ?? "cmdline.txt",
  };
};

/** Starts the board as its last restart asked for; `dies` is a board that Gen 3 stops until its power is cut. */
const boot = (root: string, dies = false) => {
  const asked = calls(root, "systemctl").at(-1) ?? "";
  let tryboot = asked === "systemctl reboot --reboot-argument=0 tryboot";
  writeFileSync(join(root, "world/calls"), "");
  restart(root);
  let config = readConfig(root, tryboot);
  if (config.gen === "3" && dies) {
    tryboot = false;
    config = readConfig(root, tryboot);
  }
  const flag = join(root, "proc/device-tree/chosen/bootloader/tryboot");
  mkdirSync(join(flag, ".."), { recursive: true });
  writeFileSync(flag, Buffer.from([0, 0, 0, tryboot ? 1 : 0]));
  writeFileSync(join(root, "world/link"), `${config.gen}\n`);
  return { ...config, tryboot };
};

const phase = async (root: string): Promise<number | null> =>
  (await runOnNode(root, "usr/local/lib/pi-image/phases/16-pcie")).code;

const note = (root: string): string =>
  readFileSync(join(root, "var/lib/pi-image/notes/pcie"), "utf8").trim();

/** Nothing of a trial is left, and an ordinary start has this speed. */
const expectSettled = (root: string, gen: string, layout: Layout): void => {
  for (const tryboot of [false, true]) {
    expect(readConfig(root, tryboot).gen).toBe(gen);
  }
  for (const name of ["tryboot.txt", "current/tryboot-cmdline.txt"]) {
    expect(existsSync(join(root, "boot/firmware", name))).toBe(false);
  }
  const config = readFileSync(join(root, "boot/firmware/config.txt"), "utf8");
  expect(config).not.toContain("pi-image trial");
  expect(config.startsWith(ubuntu(layout, "config.txt"))).toBe(true);
};

const WAITS = 75;

describeNode("PCIe Gen 3", () => {
  it.each(["24.04", "26.04"] as const)(
    "is kept on Ubuntu %s where the link holds it",
    async (layout) => {
      const root = await layFast(layout);
      expect(await phase(root)).toBe(WAITS);
      // Until the trial's own start, and after any reset, the board starts as ever.
      expect(readConfig(root, false).gen).toBe("2");
      const trial = boot(root);
      expect(trial).toMatchObject({ gen: "3", tryboot: true });
      expect(trial.prefix).toBe(layout === "26.04" ? "current/" : "");
      expect(
        readFileSync(
          join(root, "boot/firmware", trial.prefix + trial.cmdline),
          "utf8",
        ),
      ).toMatch(
        / rootwait .*(?<!panic=10.*) panic=30 rd\.shell=0 rd\.emergency=reboot\n$/,
      );
      expect(await phase(root)).toBe(0);
      expectSettled(root, "3", layout);
      expect(note(root)).toBe(
        "PCIe runs at Gen 3 and reads 791 MB/s (417 MB/s at Gen 2).",
      );
      expect(status(root)).toMatchObject({ notes: { pcie: note(root) } });
      expect(boot(root)).toMatchObject({ gen: "3", tryboot: false });
      expect(await phase(root)).toBe(0);
    },
  );

  it.each(["24.04", "26.04"] as const)(
    "is given up on Ubuntu %s when the board does not come up with it",
    async (layout) => {
      const root = await layFast(layout);
      await phase(root);
      expect(boot(root, true)).toMatchObject({ gen: "2", tryboot: false });
      expect(await phase(root)).toBe(0);
      expectSettled(root, "2", layout);
      expect(note(root)).toBe(
        "PCIe stays at Gen 2 (417 MB/s): the board did not come up with Gen 3, or its boot loader knows no trial start.",
      );
    },
  );

  it.each([
    [
      "the link makes errors",
      (root: string) =>
        writeFileSync(join(root, AER), "RxErr 12\nTOTAL_ERR_COR 12\n"),
      "the link made 12 errors at Gen 3",
      791,
    ],
    [
      "the kernel tells of errors",
      (root: string) => {
        mkdirSync(join(root, "world/says"), { recursive: true });
        writeFileSync(
          join(root, "world/says/journalctl-always"),
          "nvme nvme0: I/O tag 12 (300c) QID 1 timeout, aborting\n",
        );
      },
      "the link made 1 errors at Gen 3",
      791,
    ],
    [
      "the link falls back",
      (root: string) => writeFileSync(join(root, "world/link"), "2\n"),
      "the link came up at 5 GT/s",
      417,
    ],
    [
      "the disk is gone",
      (root: string) => rmSync(join(root, "sys/class/nvme/nvme0/address")),
      "the NVMe disk does not answer at Gen 3",
      791,
    ],
    [
      "the disk cannot be read",
      (root: string) => {
        mkdirSync(join(root, "world/plans"), { recursive: true });
        writeFileSync(join(root, "world/plans/hdparm"), "fail\n");
      },
      "the disk cannot be read at Gen 3",
      undefined,
    ],
    [
      "it is not faster",
      (root: string) => writeFileSync(join(root, "world/speed-3"), "401\n"),
      "Gen 3 is not faster",
      401,
    ],
  ])("is given up when %s", async (_, happens, why, speed) => {
    const root = await layFast("24.04");
    await phase(root);
    boot(root);
    happens(root);
    expect(await phase(root)).toBe(WAITS);
    // It still runs at Gen 3 and restarts.
    expect(boot(root)).toMatchObject({ gen: "2", tryboot: false });
    expect(await phase(root)).toBe(0);
    expectSettled(root, "2", "24.04");
    const speeds = `417 MB/s${speed === undefined ? "" : `, and ${speed} MB/s at Gen 3`}`;
    expect(note(root)).toBe(`PCIe stays at Gen 2 (${speeds}): ${why}.`);
  });

  it.each(["24.04", "26.04"] as const)(
    "ends well on Ubuntu %s whenever the power goes",
    async (layout) => {
      const root = await layFast(layout);
      const outcomes = new Set<string>();
      for (let cut = 1; cut < 60; cut += 1) {
        mkdirSync(join(root, "world/plans"), { recursive: true });
        writeFileSync(
          join(root, "world/plans/sync"),
          `${"ok\n".repeat(cut % 8)}cut\n`,
        );
        const code = await phase(root);
        if (code === 0) {
          outcomes.add(note(root).slice(0, 21));
          expectSettled(
            root,
            note(root).startsWith("PCIe runs") ? "3" : "2",
            layout,
          );
          break;
        }
        boot(root);
      }
      expect([...outcomes]).toHaveLength(1);
    },
  );

  it("is not tried without an NVMe disk, a tool, or a boot loader that is new enough", async () => {
    const without = await layFast("24.04", {
      files: { "sys/class/nvme/nvme0/address": undefined },
    });
    expect(await phase(without)).toBe(0);
    expect(note(without)).toBe("PCIe stays at Gen 2: no NVMe disk answers.");
    const old = await layFast("26.04", {
      node: { ...fast, base: "ubuntu-26.04" },
      files: {
        ...LAYOUTS["26.04"],
        // 2024-09-23
        "proc/device-tree/chosen/bootloader/build-timestamp":
          "f\u0000\u0000\u0000",
      },
    });
    expect(await phase(old)).toBe(0);
    expect(note(old)).toContain("the boot loader of this board is too old");
    expect(calls(old, "systemctl")).toEqual([]);
  });

  it("is measured without hdparm, too", async () => {
    const root = await layFast("24.04");
    rmSync(join(root, "bin/hdparm"));
    rmSync(join(root, "real/dd"));
    const says = (seconds: string) =>
      writeFileSync(
        join(root, "real/dd"),
        `#!/bin/sh\necho "1073741824 bytes (1.1 GB, 1.0 GiB) copied, ${seconds} s, 1.0 GB/s" >&2\n`,
        { mode: 0o755 },
      );
    says("2.5");
    expect(await phase(root)).toBe(WAITS);
    boot(root);
    says("1.3");
    expect(await phase(root)).toBe(0);
    expect(note(root)).toBe(
      "PCIe runs at Gen 3 and reads 825 MB/s (429 MB/s at Gen 2).",
    );
  });

  it("waits for a kernel that has a trial of its own before it", async () => {
    const root = await layFast("26.04", { world: { "kernel-waits": "" } });
    expect(await phase(root)).toBe(WAITS);
    expect(calls(root, "systemctl")).toEqual(["systemctl reboot"]);
    expect(readConfig(root, true).gen).toBe("2");
    rmSync(join(root, "world/kernel-waits"));
    boot(root);
    expect(await phase(root)).toBe(WAITS);
    expect(boot(root)).toMatchObject({ gen: "3" });
  });
});
