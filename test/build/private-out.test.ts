// An existing --out folder: closed where it is ours, refused where others need it or could read what is written there.
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { closeOutFolder, mustBeClosed } from "../../src/build/private-out.ts";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { temporaryFolder } from "../device/loop.ts";

const folderWith = (mode: number, ...names: readonly string[]): string => {
  const folder = join(temporaryFolder(), "out");
  mkdirSync(folder);
  for (const name of names) {
    if (name.endsWith("/")) {
      mkdirSync(join(folder, name));
    } else {
      writeFileSync(join(folder, name), "");
    }
  }
  chmodSync(folder, mode);
  return folder;
};

const modeOf = (path: string): number => statSync(path).mode & 0o7777;

const RESULTS = [
  ..."worker1/ worker1.manifest.json worker1.img worker1.img.bmap".split(" "),
  ..."worker1.img.sha256 w2.img.xz w3.img.zst w4.patch.json".split(" "),
  ..."kubeconfig known_hosts ssh_config receipts/ .gitignore".split(" "),
  ".worker1.img.12-0123456789ab.partial",
  ".worker1.lock",
];

describe("an out folder that others can enter", () => {
  it.each([
    ["is empty", 0o755, []],
    ["others can only enter", 0o711, []],
    ["its group can list", 0o750, []],
    ["holds results of an earlier build", 0o777, RESULTS],
  ] as const)("is closed, and that is told: it %s", async (_, mode, names) => {
    const folder = folderWith(mode, ...names);
    const told: string[] = [];
    await closeOutFolder(folder, (event) => told.push(JSON.stringify(event)));
    expect(modeOf(folder)).toBe(0o700);
    expect(told.join()).toContain("could enter out");
    await closeOutFolder(folder, (event) => told.push(JSON.stringify(event)));
    expect(told).toHaveLength(1);
  });

  it.each([
    ["holds something else", () => folderWith(0o755, ...RESULTS, "notes.txt")],
    ["holds a folder that is no node's", () => folderWith(0o755, "photos/")],
    ["is shared, as /tmp is", () => folderWith(0o1777)],
    ["is the working folder", () => process.cwd()],
    ["has the working folder in it", () => join(process.cwd(), "..")],
    [
      "is a link to a shared one",
      () => {
        const link = join(temporaryFolder(), "link");
        symlinkSync(folderWith(0o1777), link);
        return link;
      },
    ],
  ])("is refused and left as it was: it %s", async (_, make) => {
    const folder = make();
    const before = modeOf(folder);
    const wasOpen = (before & 0o077) !== 0;
    const checked = wasOpen
      ? expect(closeOutFolder(folder, () => undefined)).rejects
      : undefined;
    await checked?.toMatchObject({ code: "OUT_FOLDER_OPEN", exitCode: 2 });
    expect(modeOf(folder)).toBe(before);
    expect(wasOpen).toBe(true);
  });

  it("is refused where it is the home folder", async () => {
    const home = process.env["HOME"];
    const folder = folderWith(0o755);
    process.env["HOME"] = folder;
    try {
      expect(homedir()).toBe(folder);
      await expect(mustBeClosed(folder)).rejects.toMatchObject({
        code: "OUT_FOLDER_OPEN",
      });
    } finally {
      process.env["HOME"] = home;
    }
    expect(modeOf(folder)).toBe(0o755);
  });

  it("may be anything when only the owner can enter it", async () => {
    expect(await mustBeClosed(folderWith(0o700, "notes.txt"))).toBe(false);
    expect(await mustBeClosed(join(temporaryFolder(), "none"))).toBe(false);
  });

  it.runIf(process.getuid?.() === 0)(
    "is refused where it is another user's, however closed",
    async () => {
      const folder = folderWith(0o700);
      chownSync(folder, 65_534, 65_534);
      await expect(mustBeClosed(folder)).rejects.toMatchObject({
        code: "OUT_FOLDER_OPEN",
        message: expect.stringContaining("65534"),
      });
    },
  );

  it("is closed for those whom an ACL lets in", async ({ skip }) => {
    const folder = folderWith(0o700);
    const set = await tryTool("setfacl", ["-m", "u:nobody:rx", folder]).catch(
      () => ({ status: 1 }),
    );
    if (set.status !== 0) {
      skip("there is no setfacl here, or no ACL in this file system");
    }
    await closeOutFolder(folder, () => undefined);
    const { stdout } = await runTool("getfacl", ["-cp", folder]);
    expect(stdout).toMatch(/^user:nobody:r-x\s+#effective:---$/m);
    expect(readdirSync(folder)).toEqual([]);
  });
});
