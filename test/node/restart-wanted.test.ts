// Whether a node wants a restart, on each kind of system, and what is seen of it from the laptop.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { emptyFolder } from "../cluster/cluster-folder.ts";
import { sampleNode, sampleProject } from "../seed/sample-project.ts";
import {
  describeNode,
  layNode,
  leftToDo,
  powerOn,
  runOnNode,
  screen,
  status,
} from "./fake-node.ts";

const SCRIPT = packageFile(
  "cloud-init/files/usr/local/lib/pi-image/restart-reason.sh",
);

type Files = Readonly<Record<string, string>>;

const put = (root: string, files: Files): void => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
};

const runs = (release: string): Files => ({
  "proc/sys/kernel/osrelease": `${release}\n`,
});

/** A kernel as a package of Debian or Ubuntu installs it. */
const debian = (release: string): Files => ({
  [`lib/modules/${release}/modules.dep`]: "",
  [`boot/vmlinuz-${release}`]: "",
  "var/lib/dpkg/status": "",
});

const arch = (release: string): Files => ({
  [`lib/modules/${release}/modules.dep`]: "",
});

const UBUNTU = {
  ...runs("6.8.0-1020-raspi"),
  ...debian("6.8.0-1020-raspi"),
};
const NEWER = { ...UBUNTU, ...debian("6.8.0-1101-raspi") };
const REQUIRED = { "run/reboot-required": "*** System restart required ***\n" };
const trial = (state: string): Files => ({ "boot/firmware/new/state": state });
const REASON = "the kernel 6.8.0-1101-raspi (6.8.0-1020-raspi runs)";
const PI_5 = "6.12.25+rpt-rpi-2712";

const CASES: readonly (readonly [
  what: string,
  files: Files,
  reason: string,
])[] = [
  ["nothing new", UBUNTU, ""],
  ["a newer kernel, by number and not by letter", NEWER, REASON],
  ["the same, with Ubuntu's own note", { ...NEWER, ...REQUIRED }, REASON],
  [
    "packages, each once",
    {
      ...UBUNTU,
      ...REQUIRED,
      "run/reboot-required.pkgs": "libc6\ndbus\nlibc6\n",
    },
    "dbus, libc6",
  ],
  [
    "many packages",
    {
      ...UBUNTU,
      ...REQUIRED,
      "run/reboot-required.pkgs": "a\nb\nc\nd\ne\n",
    },
    "a, b, c and 2 more",
  ],
  ["a note that names no package", { ...UBUNTU, ...REQUIRED }, "updates"],
  [
    "what a removed package left",
    { ...UBUNTU, "lib/modules/6.8.0-1101-raspi/modules.order": "" },
    "",
  ],
  [
    "a kernel that was removed, not purged",
    { ...UBUNTU, "lib/modules/6.8.0-1101-raspi/modules.dep": "" },
    "",
  ],
  [
    "a new initramfs of the same kernel, to be tried",
    { ...UBUNTU, ...trial("unknown\n") },
    "new boot files",
  ],
  ["a kernel to be tried", { ...NEWER, ...trial("unknown\n") }, REASON],
  ["a kernel that was tried and failed", { ...NEWER, ...trial("bad\n") }, ""],
  [
    "kernels for two boards, of which the other is newer",
    {
      ...runs(PI_5),
      ...debian(PI_5),
      ...debian("6.12.34+rpt-rpi-v8"),
      ...debian("6.12.25+rpt-rpi-v8"),
    },
    "",
  ],
  [
    "a newer kernel for this board",
    { ...runs(PI_5), ...debian(PI_5), ...debian("6.12.34+rpt-rpi-2712") },
    `the kernel 6.12.34+rpt-rpi-2712 (${PI_5} runs)`,
  ],
  [
    "Arch Linux ARM, which has replaced the kernel that runs",
    { ...runs("6.12.30-1-rpi"), ...arch("6.12.41-1-rpi") },
    "the kernel 6.12.41-1-rpi (6.12.30-1-rpi runs)",
  ],
  [
    "Arch Linux ARM, gone back to an older kernel",
    { ...runs("6.12.41-1-rpi"), ...arch("6.12.30-1-rpi") },
    "the kernel 6.12.30-1-rpi (6.12.41-1-rpi runs)",
  ],
  ["a kernel of one's own", { ...NEWER, ...runs("6.13.0-mine") }, ""],
];

describe("the reason for a restart", () => {
  it.each(CASES)("with %s", (_, files, reason) => {
    const root = emptyFolder();
    put(root, files);
    const {
      stdout,
      stderr,
      status: code,
    } = spawnSync(
      "bash",
      [
        "-euo",
        "pipefail",
        "-c",
        '. "$1"; root=$2; restart_reason',
        "bash",
      ].concat(SCRIPT, root),
      { encoding: "utf8" },
    );
    expect({ code, stderr, reason: stdout.trim() }).toEqual({
      code: 0,
      stderr: "",
      reason,
    });
  });
});

describeNode("a node that wants a restart", () => {
  it("says so from the moment on when it is known, until it was restarted", async () => {
    const root = await layNode({
      project: sampleProject,
      node: sampleNode,
      files: leftToDo(),
    });
    put(root, NEWER);
    expect((await powerOn(root)).code).toBe(0);
    const look = () => runOnNode(root, "usr/local/lib/pi-image/restart-wanted");
    const text = `A restart is wanted for ${REASON}: pi-image restart worker1`;
    expect(await look()).toMatchObject({ code: 0 });
    expect(await look()).toMatchObject({ code: 0, output: "" });
    expect(status(root)).toMatchObject({
      state: "done",
      notes: { restart: text },
    });
    expect(screen(root).filter((line) => line.includes(text))).toEqual([
      `node: ${text}`,
    ]);

    // The trial of the new kernel failed.
    put(root, trial("bad\n"));
    await look();
    expect(status(root)["notes"]).toEqual({
      kernel: expect.stringContaining(
        "The newest kernel did not start",
      ) as string,
    });

    rmSync(join(root, "boot/firmware/new"), { recursive: true });
    put(root, runs("6.8.0-1101-raspi"));
    await look();
    expect(status(root)["notes"]).toBeUndefined();
  });
});
