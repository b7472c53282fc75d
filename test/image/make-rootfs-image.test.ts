// Images made from root file systems, judged by the tools of their file systems; and archives that are refused.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { chmod, chown, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { pack, type Header } from "tar-stream";
import { describe, expect, it } from "vitest";
import {
  CLOSING_EDITS,
  isOneMachines,
} from "../../src/image/rootfs/close-rootfs.ts";
import { makeRootfsImage } from "../../src/image/rootfs/make-rootfs-image.ts";
import { readRootfs } from "../../src/image/rootfs/rootfs-tar.ts";
import { runTool, toolEnvironment } from "../../src/system/run/run-tool.ts";
import { outcomeOf } from "../base/base-options.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";

const MiB = 1024 * 1024;
const ROOT = 513 * MiB;
const signal = new AbortController().signal;
const mtime = new Date("2026-01-02T03:04:05Z");

type Entry = readonly [Partial<Header> & { readonly name: string }, string?];

const tarOf = async (entries: readonly Entry[]): Promise<Buffer> => {
  const tar = pack();
  for (const [header, text] of entries) {
    tar.entry({ mtime, mode: 0o644, uid: 0, gid: 0, ...header }, text ?? "");
  }
  tar.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of tar) {
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces);
};

const folder = (name: string, mode = 0o755): Entry => [
  { name, type: "directory", mode },
];

const GOOD: readonly Entry[] = [
  folder("./"),
  folder("./boot/"),
  folder("./boot/overlays/"),
  [{ name: "./boot/config.txt" }, "arm_64bit=1\n"],
  [{ name: "./boot/cmdline.txt" }, "root=/dev/mmcblk0p2 rw rootwait\n"],
  [{ name: "./boot/kernel8.img" }, "k".repeat(300_000)],
  [{ name: "./boot/overlays/long-name-of-an-overlay.dtbo" }, "o"],
  folder("./etc/"),
  [
    { name: "./etc/shadow", mode: 0o200, uid: 0 },
    // The last of the hashes is of the old kind, whose salt may begin with any letter.
    "root:$6$salt$hash:19000::::::\nalarm:$y$j9T$x$y:19000::::::\nnone::19000::::::\nold:xa01FAX.bQRSU:19000::::::\n",
  ],
  [
    { name: "./etc/passwd" },
    ["root", "alarm", "none", "old"]
      .map((name, uid) => `${name}:x:${uid}:${uid}::/:/bin/sh\n`)
      .join("")
      .concat("toor::0:0::/:/bin/sh\nbare:xa01FAX.bQRSU:9:9::/:/bin/sh\n"),
  ],
  [{ name: "./etc/fstab" }, "/dev/mmcblk0p1 /boot vfat defaults 0 0\n"],
  folder("./usr/"),
  folder("./usr/bin/"),
  [{ name: "./usr/bin/sudo", mode: 0o4755 }, "#!"],
  [{ name: "./usr/bin/sudoedit", type: "link", linkname: "./usr/bin/sudo" }],
  [{ name: "./bin", type: "symlink", linkname: "usr/bin", mode: 0o777 }],
  [{ name: './home/alarm/a "quoted" file', uid: 1000, gid: 1001 }, "mine\n"],
  folder("./tmp/", 0o1777),
  [
    { name: "./etc/machine-id", mode: 0o444 },
    `${"0123456789abcdef".repeat(2)}\n`,
  ],
  [{ name: "./etc/ssh/ssh_host_ed25519_key", mode: 0o600 }, "key\n"],
  [{ name: "./etc/ssh/ssh_host_ed25519_key.pub" }, "key\n"],
  [{ name: "./etc/ssh/ssh_config" }, "Host *\n"],
  [{ name: "./etc/pacman.d/gnupg/private-keys-v1.d/A.key" }, "key\n"],
  [{ name: "./etc/pacman.d/gnupg/trustdb.gpg" }, "trust\n"],
  [{ name: "./var/lib/systemd/random-seed", mode: 0o600 }, "seed\n"],
  [{ name: "./var/lib/systemd/credential.secret", mode: 0o600 }, "key\n"],
  [{ name: "./var/lib/systemd/catalog/database" }, "d"],
  [
    {
      name: "./var/lib/dbus/machine-id",
      type: "symlink",
      linkname: "/etc/machine-id",
    },
  ],
];

const archiveOf = async (
  entries: readonly Entry[],
  name = "rootfs.tar.gz",
): Promise<string> => {
  const path = join(await temporaryFolder(), name);
  writeFileSync(path, gzipSync(await tarOf(entries)));
  // For another user, too.
  await chmod(dirname(path), 0o755);
  return path;
};

const make = async (archive: string, image: string, scratch: string) => {
  await mkdir(scratch);
  await makeRootfsImage({
    archive,
    sha256: createHash("sha256").update(readFileSync(archive)).digest("hex"),
    image,
    scratch,
    files: [
      {
        path: "etc/systemd/system/first.service",
        mode: 0o644,
        data: Buffer.from("[Unit]\n"),
      },
      {
        path: "etc/systemd/system/multi-user.target.wants/first.service",
        mode: 0o777,
        target: "../first.service",
      },
    ],
    edits: CLOSING_EDITS,
    leftOut: isOneMachines,
    signal,
  });
};

const stat = (image: string, path: string): string =>
  spawnSync(
    "debugfs",
    ["-R", `stat "${path.replaceAll('"', '""')}"`, `${image}?offset=${ROOT}`],
    { env: toolEnvironment(), encoding: "utf8" },
  ).stdout;

/** A folder with all that the image's root partition holds. */
const treeOf = async (image: string): Promise<string> => {
  const tree = await temporaryFolder();
  await runTool("debugfs", [
    "-R",
    `rdump / ${tree}`,
    `${image}?offset=${ROOT}`,
  ]);
  return tree;
};

const judge = async (image: string): Promise<void> => {
  const table = await runTool("sfdisk", ["--dump", image]);
  expect(table.stdout).toMatch(/1 : start= +2048, size= +1048576, type=c\n/);
  expect(table.stdout).toMatch(/2 : start= +1050624, size= +\d+, type=83\n/);
  await runTool("sfdisk", ["--verify", image]);
  const part = `${image}.fat`;
  await runTool("dd", [
    `if=${image}`,
    `of=${part}`,
    "bs=1M",
    "skip=1",
    "count=512",
    "conv=sparse",
    "status=none",
  ]);
  await runTool("fsck.vfat", ["-n", "-v", part]);
  await runTool("e2fsck", ["-fn", `${image}?offset=${ROOT}`]);
};

describeWithTools(
  ["mke2fs", "debugfs", "e2fsck", "fsck.vfat", "mcopy", "sfdisk"],
  "an image of a root file system",
  () => {
    it("has what the archive has, with its owners", async () => {
      const work = await temporaryFolder();
      const image = join(work, "a.img");
      await make(await archiveOf(GOOD), image, join(work, "scratch"));
      await judge(image);
      const boot = await runTool("mdir", [
        "-/",
        "-b",
        "-i",
        `${image}@@${MiB}`,
        "::",
      ]);
      expect(boot.stdout.trim().split("\n").toSorted()).toEqual([
        "::/cmdline.txt",
        "::/config.txt",
        "::/kernel8.img",
        "::/overlays/",
        "::/overlays/long-name-of-an-overlay.dtbo",
      ]);
      expect(stat(image, "/etc/shadow")).toMatch(/Mode: +0200 [^]*User: +0 /);
      expect(stat(image, "/usr/bin/sudo")).toMatch(/Mode: +04755 [^]*Links: 2/);
      expect(stat(image, '/home/alarm/a "quoted" file')).toMatch(
        /User: +1000 +Group: +1001/,
      );
      expect(stat(image, "/home/alarm")).toMatch(/User: +0 +Group: +0/);
      expect(stat(image, "/bin")).toContain('Fast link dest: "usr/bin"');
      expect(stat(image, "/tmp")).toMatch(/Mode: +01777/);
      expect(stat(image, "/boot")).toMatch(/Type: directory/);
      expect(stat(image, "/etc/fstab")).toMatch(/mtime: .*2026/);
      // What is one machine's own is not in it, and its neighbours are.
      expect(stat(image, "/etc/machine-id")).toMatch(
        /Mode: +0444 [^]*Size: 0\n/,
      );
      const tree = await treeOf(image);
      expect(
        readdirSync(tree, { recursive: true, withFileTypes: true })
          .filter((entry) => !entry.isDirectory())
          .map(({ parentPath, name }) => join(parentPath, name))
          .map((path) => path.slice(tree.length))
          .filter((path) => /^\/(?:etc|var)\//.test(path))
          .toSorted(),
      ).toEqual([
        "/etc/fstab",
        "/etc/machine-id",
        "/etc/passwd",
        "/etc/shadow",
        "/etc/ssh/ssh_config",
        "/etc/systemd/system/first.service",
        "/etc/systemd/system/multi-user.target.wants/first.service",
        "/var/lib/systemd/catalog/database",
      ]);
      expect(
        stat(
          image,
          "/etc/systemd/system/multi-user.target.wants/first.service",
        ),
      ).toContain("../first.service");
      await writeFile(`${image}.broken`, "");
      expect(
        spawnSync("e2fsck", ["-fn", `${image}.broken`], {
          env: toolEnvironment(),
        }).status,
      ).not.toBe(0);
    });

    it("is the same when it is made again, and by another user", async () => {
      const work = await temporaryFolder();
      const archive = await archiveOf(GOOD);
      await make(archive, join(work, "a.img"), join(work, "a"));
      if (process.getuid?.() === 0) {
        await chmod(work, 0o777);
        await chown(work, 65534, 65534);
        process.setegid?.(65534);
        process.seteuid?.(65534);
      }
      try {
        await make(archive, join(work, "b.img"), join(work, "b"));
      } finally {
        if (process.getuid?.() === 0) {
          process.seteuid?.(0);
          process.setegid?.(0);
        }
      }
      // They are of half a gigabyte, of which nearly all is a hole.
      await runTool("cmp", [join(work, "a.img"), join(work, "b.img")]);
    });
  },
);

describeAsRoot(
  ["passwd", "mke2fs", "debugfs", "mcopy"],
  "whoever knows the passwords of an archive",
  () => {
    it("gets into no account of its image", async () => {
      const work = await temporaryFolder();
      const image = join(work, "a.img");
      await make(await archiveOf(GOOD), image, join(work, "scratch"));
      // The real one, on the tree: L is locked, P a usable password, NP none needed. passwd(1)
      const { stdout } = await runTool("passwd", [
        "--status",
        "--all",
        "--root",
        await treeOf(image),
      ]);
      expect(
        stdout
          .trim()
          .split("\n")
          .map((line) => line.split(" ", 2).join(" ")),
      ).toEqual(["root L", "alarm L", "none L", "old L", "toor L", "bare L"]);
    });
  },
);

describe("an archive", () => {
  const outcome = async (archive: string): Promise<string> => {
    const work = await temporaryFolder();
    const result = await outcomeOf(
      make(archive, join(work, "a.img"), join(work, "scratch")),
    );
    expect(readdirSync(work)).not.toContain("a.img");
    return result;
  };
  const cases: readonly (readonly [string, string, readonly Entry[]])[] = [
    ["an absolute path", "an absolute path", [[{ name: "/etc/passwd" }, "x"]]],
    ["a path with ..", "outside of itself", [[{ name: "a/../../b" }, "x"]]],
    [
      "a device",
      "neither a file nor a folder nor a link, dev/sda (block-device)",
      [[{ name: "./dev/sda", type: "block-device", devmajor: 8 }]],
    ],
    [
      "a named pipe",
      "neither a file nor a folder nor a link, p (fifo)",
      [[{ name: "p", type: "fifo" }]],
    ],
    [
      "a file behind a link",
      "its entry a/passwd lies behind a symlink",
      [
        [{ name: "a", type: "symlink", linkname: "/etc" }],
        [{ name: "a/passwd" }, "x"],
      ],
    ],
    [
      "a hard link to outside",
      "outside of itself",
      [[{ name: "a", type: "link", linkname: "../../etc/passwd" }]],
    ],
    [
      "a hard link through a link",
      "a link to no file of it",
      [
        [{ name: "l", type: "symlink", linkname: "/etc/passwd" }],
        [{ name: "a", type: "link", linkname: "l" }],
      ],
    ],
    [
      "a line break in a name",
      "a control character",
      [[{ name: "a\nset_inode_field" }, "x"]],
    ],
    ["a file twice", "it has a twice", [[{ name: "a" }, "x"], [{ name: "a" }]]],
    ["no /boot", "no folder /boot", [folder("etc/")]],
  ];
  it.each(cases)("with %s is refused", async (_, why, entries) => {
    const result = await outcome(await archiveOf(entries));
    expect(result).toContain("IMAGE_REFUSED 4: ");
    expect(result).toContain(why);
  });

  it("that says that it unpacks to terabytes is refused before it does", async () => {
    const bomb = await tarOf([[{ name: "zeros" }, ""]]);
    // The size of the first header, as GNU tar writes large ones, and its checksum.
    bomb.fill(0, 124, 136);
    bomb[124] = 0x80;
    bomb.writeUInt32BE(2 ** 31, 130);
    bomb.fill(" ", 148, 156);
    const sum = bomb.subarray(0, 512).reduce((all, byte) => all + byte, 0);
    bomb.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    const path = join(await temporaryFolder(), "bomb.tar.gz");
    writeFileSync(path, gzipSync(bomb));
    expect(await outcome(path)).toContain("unpacks to more than any root file");
  });

  it.each([
    [
      "cut in its compressed data",
      (good: Buffer) => gzipSync(good).subarray(0, -20),
    ],
    ["cut in a file", (good: Buffer) => gzipSync(good.subarray(0, 4000))],
    ["no archive", () => gzipSync(Buffer.from("hello ".repeat(500)))],
    ["empty", () => gzipSync(Buffer.alloc(1024))],
  ])("that is %s is damaged", async (_, spoil) => {
    const path = join(await temporaryFolder(), "rootfs.tar.gz");
    writeFileSync(path, spoil(await tarOf(GOOD)));
    expect(await outcome(path)).toContain("IMAGE_DAMAGED 4: ");
  });

  it("that ends while a file's bytes are taken is damaged, whoever notices first", async () => {
    const path = join(await temporaryFolder(), "rootfs.tar");
    writeFileSync(
      path,
      (await tarOf([[{ name: "a" }, "x".repeat(9000)]])).subarray(0, 4000),
    );
    const reading = readRootfs(path, signal, async (entry) => {
      if (entry.kind === "file") {
        for await (const bytes of entry.bytes) {
          expect(bytes.length).toBeGreaterThan(0);
        }
      }
    });
    expect(await outcomeOf(reading)).toContain("IMAGE_DAMAGED 4: ");
  });

  it("is read as it is when it is not compressed", async () => {
    const path = join(await temporaryFolder(), "rootfs.tar");
    writeFileSync(path, await tarOf(GOOD));
    const paths: string[] = [];
    await readRootfs(path, signal, async ({ path: entry }) => {
      paths.push(entry);
    });
    expect(paths).toContain("usr/bin/sudo");
  });
});
