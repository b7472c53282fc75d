// Edits of the kernel's command line as texts, and where the firmware looks for it.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  effectiveCmdlinePaths,
  expandIncludes,
} from "../../src/image/boot/cmdline-paths.ts";
import { editCmdline } from "../../src/image/boot/cmdline-txt.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { fc } from "../support/seeded.ts";

const CGROUPS = ["cgroup_enable=memory", "cgroup_memory=1"];
const ADDED = "cgroup_enable=memory cgroup_memory=1";
const JAMMY =
  "console=serial0,115200 dwc_otg.lpm_enable=0 console=tty1 root=LABEL=writable rootfstype=ext4 rootwait fixrtc quiet splash";

const ubuntu = (path: string): string =>
  readFileSync(packageFile(`profiles/base-images/${path}`), "utf8");

describe("the kernel's command line", () => {
  test.each([
    ["22.04", `${JAMMY}\n`],
    ["24.04", ubuntu("boot-24.04/cmdline.txt")],
    ["26.04", ubuntu("boot-26.04/current/cmdline.txt")],
  ])("of Ubuntu %s gets our words at its end", async (version, before) => {
    const edited = editCmdline(before, [
      ...CGROUPS,
      "cfg80211.ieee80211_regdom=ES",
    ]);
    expect(edited).toBe(
      `${before.trimEnd()} ${ADDED} cfg80211.ieee80211_regdom=ES\n`,
    );
    await expect(edited).toMatchFileSnapshot(
      `../golden/boot-settings/cmdline-${version}.txt`,
    );
  });

  test.each([
    ["no final newline", "root=x rw", `root=x rw ${ADDED}`],
    ["a Windows line end", "root=x\r\n", `root=x ${ADDED}\r\n`],
    ["nothing in it", "", ADDED],
    ["odd spaces, kept", "  root=x   rw  \n", `  root=x   rw  ${ADDED}\n`],
    ["our words there", `root=x ${ADDED} rw\n`, `root=x ${ADDED} rw\n`],
    [
      "another value there",
      "cgroup_memory=0 root=x\n",
      "cgroup_memory=1 root=x cgroup_enable=memory\n",
    ],
    [
      "several values there",
      "cgroup_memory=0 a cgroup_memory=2 b\n",
      "cgroup_memory=1 a b cgroup_enable=memory\n",
    ],
    [
      "memory switched off",
      "cgroup_disable=memory root=x\n",
      `cgroup_disable=memory root=x ${ADDED}\n`,
    ],
    [
      "memory switched off later",
      `${ADDED} cgroup_disable=memory\n`,
      "cgroup_memory=1 cgroup_disable=memory cgroup_enable=memory\n",
    ],
    [
      "another controller",
      "cgroup_enable=cpuset root=x\n",
      `cgroup_enable=cpuset root=x ${ADDED}\n`,
    ],
    ["words for init", "root=x -- single\n", `root=x ${ADDED} -- single\n`],
    [
      "quotes",
      'dyndbg="file a.c +p; x=cgroup_memory=1" root=x\n',
      `dyndbg="file a.c +p; x=cgroup_memory=1" root=x ${ADDED}\n`,
    ],
    [
      "a second line, which the firmware ignores",
      "root=x\nroot=y\n",
      `root=x ${ADDED}\n`,
    ],
    ["an empty first line", "\nroot=x\n", `root=x ${ADDED}\n`],
  ])("with %s", (_, before, after) => {
    const edited = editCmdline(before, CGROUPS);
    expect(edited).toBe(after);
    expect(editCmdline(edited, CGROUPS)).toBe(edited);
  });

  test("gets a new value for a name that is there", () => {
    const before = "root=x cfg80211.ieee80211_regdom=FR rw\n";
    expect(editCmdline(before, ["cfg80211.ieee80211_regdom=ES"])).toBe(
      "root=x cfg80211.ieee80211_regdom=ES rw\n",
    );
    expect(editCmdline("pcie-aspm=on\n", ["pcie_aspm=off"])).toBe(
      "pcie_aspm=off\n",
    );
  });

  test("stays one line, keeps the other words, and does not change again", () => {
    const word = fc.stringMatching(/^[a-z_.-]{1,8}(=[a-zA-Z0-9,=/]{0,6})?$/);
    const line = fc
      .array(fc.tuple(word, fc.constantFrom(" ", "  ", "\t")))
      .map((parts) => parts.flat().join(""));
    fc.assert(
      fc.property(
        line,
        fc.constantFrom("", "\n", "\r\n"),
        (before, newline) => {
          const edited = editCmdline(before + newline, CGROUPS);
          expect(edited.trimEnd()).not.toMatch(/[\r\n]/);
          const words = edited.trim().split(/\s+/);
          for (const kept of before.trim().split(/\s+/)) {
            expect(kept === "" || words.includes(kept)).toBe(true);
          }
          expect(editCmdline(edited, CGROUPS)).toBe(edited);
        },
      ),
    );
  });

  test("never gets a word with a space or a line end from us", () => {
    expect(() => editCmdline("root=x", ["a b"])).toThrow(
      /not a kernel parameter/,
    );
    expect(() => editCmdline("root=x", ["a\n"])).toThrow(
      /not a kernel parameter/,
    );
  });
});

const found = (config: string, ...present: string[]): readonly string[] =>
  effectiveCmdlinePaths(config, (path) => present.includes(path));

describe("the file with the command line", () => {
  test("is cmdline.txt with the flat layout, whatever else exists", () => {
    const config = ubuntu("boot-24.04/config.txt");
    expect(found(config, "cmdline.txt", "current/cmdline.txt")).toEqual([
      "cmdline.txt",
    ]);
    expect(found("", "cmdline.txt")).toEqual(["cmdline.txt"]);
  });

  test("is in current/, and in new/ when that exists, with the A/B layout", () => {
    const config = ubuntu("boot-26.04/config.txt");
    expect(found(config, "current/cmdline.txt")).toEqual([
      "current/cmdline.txt",
    ]);
    expect(
      found(config, "cmdline.txt", "current/cmdline.txt", "new/cmdline.txt"),
    ).toEqual(["current/cmdline.txt", "new/cmdline.txt"]);
  });

  test.each([
    ["a name of its own", "cmdline=nobtcmd.txt\n", ["nobtcmd.txt"]],
    [
      "the last of two values",
      "os_prefix=a/\nos_prefix=b/\n",
      ["b/cmdline.txt"],
    ],
    [
      "a prefix for one board",
      "os_prefix=a/\n[pi5]\nos_prefix=b/\n[all]\n",
      ["a/cmdline.txt", "b/cmdline.txt"],
    ],
    [
      "a prefix that is a part of the name",
      "os_prefix=test-\n",
      ["test-cmdline.txt"],
    ],
    ["a prefix without files", "os_prefix=gone/\n", ["cmdline.txt"]],
    [
      "comments and spaces",
      "  os_prefix = a/ \r\n# os_prefix=b/\r\n",
      ["a/cmdline.txt"],
    ],
    ["a filter that never holds", "[none]\nos_prefix=a/\n", ["cmdline.txt"]],
    [
      "a board's filter replaced by another",
      "[pi4]\n[pi5]\ncmdline=five.txt\n",
      ["cmdline.txt", "five.txt"],
    ],
    [
      "a try of one board",
      "[pi5]\n[tryboot]\nos_prefix=a/\n",
      ["cmdline.txt", "a/cmdline.txt"],
    ],
  ])("is found with %s", (_, config, expected) => {
    const present = [
      "cmdline.txt",
      "nobtcmd.txt",
      "five.txt",
      "a/cmdline.txt",
      "b/cmdline.txt",
      "test-cmdline.txt",
    ];
    expect(found(config, ...present)).toEqual(expected);
  });

  test("is found through included files, each read once", () => {
    const files = new Map([
      ["syscfg.txt", "cmdline=sys.txt\ninclude usercfg.txt\n"],
      ["usercfg.txt", "include syscfg.txt\nos_prefix=a/\n"],
    ]);
    const whole = expandIncludes(
      "[all]\ninclude syscfg.txt\ninclude gone.txt\n",
      (path) => files.get(path),
    );
    expect(whole).toBe("[all]\ncmdline=sys.txt\nos_prefix=a/");
    expect(found(whole, "a/sys.txt")).toEqual(["a/sys.txt"]);
  });

  test("may be missing", () => {
    expect(found("os_prefix=a/\n")).toEqual([]);
  });
});
