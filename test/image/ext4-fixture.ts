// ext4 file systems with random layouts and contents, and what is in them as the tools see it.
import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { invertRanges } from "./gaps.ts";
import { normaliseRanges, type Range } from "../../src/image/range.ts";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { writeAt } from "./make-image.ts";
import { fc } from "../support/seeded.ts";

export type ExtOptions = {
  readonly size: number;
  readonly words: readonly string[];
};

const feature = (name: string) => fc.constantFrom(name, `^${name}`);
const MIB = 1024 * 1024;

/** Options of mke2fs; a few combinations are ones that it refuses. */
export const extOptions: fc.Arbitrary<ExtOptions> = fc
  .record({
    mebibytes: fc.integer({ min: 6, max: 80 }),
    extra: fc.nat(255),
    type: fc.constantFrom("ext2", "ext3", "ext4", "ext4", "ext4", "ext4"),
    block: fc.constantFrom("1024", "2048", "4096"),
    // Short groups, so that a small file system has many.
    group: fc.constantFrom([], ["-g", "1024"], ["-g", "2048"]),
    features: fc
      .tuple(
        fc.constantFrom(
          "metadata_csum",
          "metadata_csum,metadata_csum_seed",
          "^metadata_csum,uninit_bg",
          "^metadata_csum,^uninit_bg",
        ),
        feature("64bit"),
        feature("flex_bg"),
        feature("has_journal"),
        fc.constantFrom(
          "resize_inode,sparse_super",
          "^resize_inode,sparse_super",
          "^resize_inode,^sparse_super",
          "^resize_inode,sparse_super2",
          "^resize_inode,meta_bg",
          "^resize_inode,meta_bg,sparse_super2",
        ),
        fc.subarray([
          "bigalloc,extents",
          "inline_data",
          "quota",
          "orphan_file,has_journal",
          "large_dir,ea_inode",
        ]),
      )
      .map((parts) => parts.flat()),
    extended: fc.subarray([
      "lazy_itable_init=1",
      "packed_meta_blocks=1",
      "num_backup_sb=1",
    ]),
  })
  .map(({ mebibytes, extra, type, block, group, features, extended }) => ({
    size: mebibytes * MIB + extra * 4096,
    words: [
      "-t",
      type,
      "-b",
      block,
      ...group,
      ...(features.includes("flex_bg") ? ["-G", "4"] : []),
      "-O",
      features.join(","),
      "-E",
      ["discard", "root_owner=0:0", ...extended].join(","),
    ],
  }));

/** A tree with small, large, sparse, empty and zero-filled files, links and a full folder. */
export const makeTree = (folder: string, seed: number): void => {
  const bytes = (length: number, salt: number): Buffer => {
    const block = createHash("sha512").update(`${seed} ${salt}`).digest();
    return Buffer.alloc(length, block);
  };
  mkdirSync(join(folder, "etc/deep/er"), { recursive: true });
  mkdirSync(join(folder, "many"));
  writeFileSync(join(folder, "etc/hostname"), "ubuntu\n");
  writeFileSync(join(folder, "etc/empty"), "");
  writeFileSync(
    join(folder, "etc/deep/er/large"),
    bytes(700_001 + seed * 997, 1),
  );
  // Holes must not be taken from these: the zeros are the content.
  writeFileSync(join(folder, "zeros"), Buffer.alloc(300_000));
  writeFileSync(
    join(folder, "half zeros"),
    Buffer.concat([bytes(65_536, 2), Buffer.alloc(131_072), bytes(65_536, 3)]),
  );
  symlinkSync("etc/hostname", join(folder, "short link"));
  symlinkSync("x".repeat(200), join(folder, "long link"));
  for (let index = 0; index < 150; index += 1) {
    writeFileSync(
      join(folder, `many/file-${index}`),
      bytes((index * 53) % 5000, index),
    );
  }
};

/** mke2fs with the tree; false when the tool refuses the combination. */
export const makeExt = async (
  path: string,
  options: ExtOptions,
  tree: string,
): Promise<boolean> => {
  await writeAt(path, 0, new Uint8Array(0));
  await truncate(path, 0);
  await truncate(path, options.size);
  const common = ["-q", "-F", "-U", "01234567-89ab-cdef-0123-456789abcdef"];
  const made = await tryTool("mke2fs", [
    ...common,
    ...options.words,
    "-d",
    tree,
    path,
  ]);
  if (made.status !== 0) {
    return false;
  }
  // Free blocks in the middle, with old content in them.
  const commands = [
    "rm /many/file-7",
    "rm /many/file-80",
    "rm /zeros",
    "ea_set /etc/hostname user.note pi",
  ];
  await runTool("debugfs", ["-w", "-f", "-", path], {
    input: `${commands.join("\n")}\n`,
  });
  // mke2fs -d leaves a few small things to its sister, such as the quota files.
  await tryTool("e2fsck", ["-f", "-y", path]);
  return (await fsckExt(path)) === "";
};

/** What e2fsck finds wrong; empty for a sound file system. */
export const fsckExt = async (path: string): Promise<string> => {
  const result = await tryTool("e2fsck", ["-f", "-n", path]);
  return result.status === 0 ? "" : `${result.stdout}${result.stderr}`;
};

const describeFile = (path: string): string => {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) {
    return `link ${readlinkSync(path)}`;
  }
  if (stat.isDirectory()) {
    return `folder ${stat.mode}`;
  }
  const digest = createHash("sha256").update(readFileSync(path)).digest("hex");
  return `file ${stat.mode} ${stat.size} ${digest}`;
};

/** Every file, folder and link with its content, and one extended attribute, as debugfs reads them. */
export const readExt = async (
  path: string,
  into: string,
): Promise<Map<string, string>> => {
  mkdirSync(into, { recursive: true });
  await runTool("debugfs", ["-R", `rdump / ${into}`, path]);
  const found = new Map<string, string>();
  for (const name of readdirSync(into, { recursive: true, encoding: "utf8" })) {
    found.set(name, describeFile(join(into, name)));
  }
  const attribute = await runTool("debugfs", [
    "-R",
    "ea_get /etc/hostname user.note",
    path,
  ]);
  found.set("user.note", attribute.stdout.trim());
  return found;
};

export const makeEmptyExt = async (
  path: string,
  mebibytes: number,
  words: readonly string[],
): Promise<void> => {
  await writeAt(path, 0, new Uint8Array(0));
  await truncate(path, mebibytes * MIB);
  await runTool("mke2fs", ["-q", "-F", "-t", "ext4", ...words, path]);
};

/** The byte at which the block bitmap of group 0 starts, with blocks of 1 KiB. */
export const firstBitmap = (path: string): number =>
  readFileSync(path).readUInt32LE(2048) * 1024;

/** Ranges of the partition that libext2fs counts as used, in blocks of the file system. */
export const usedByDumpe2fs = async (path: string): Promise<Range[]> => {
  const { stdout } = await runTool("dumpe2fs", [path]);
  const blockSize = Number(/^Block size: +(\d+)$/m.exec(stdout)?.[1]);
  const cluster = Number(
    /^Cluster size: +(\d+)$/m.exec(stdout)?.[1] ?? blockSize,
  );
  const blocks = Number(/^Block count: +(\d+)$/m.exec(stdout)?.[1]);
  const free = [...stdout.matchAll(/^ +Free blocks: (.+)$/gm)].flatMap(
    ([, list = ""]) =>
      list.split(", ").map((part) => {
        const [first = "", last = first] = part.split("-");
        return {
          offset: Number(first) * blockSize,
          // Of the last cluster, too, dumpe2fs tells the first block.
          length: (Number(last) - Number(first)) * blockSize + cluster,
        };
      }),
  );
  return invertRanges(normaliseRanges(free), blocks * blockSize);
};
