// Makes an ext4 file system from a folder, as an ordinary user: mke2fs copies the files, debugfs sets their owners.
import { writeFile } from "node:fs/promises";
import { UserError } from "../../report/user-error.ts";
import { runTool } from "../../system/run/run-tool.ts";
import type { OwnedEntry } from "../rootfs/unpack-rootfs.ts";

type Ext4Options = {
  readonly image: string;
  /** Bytes from the image's start. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  readonly label: string;
  /** Fixed by the caller, so that the same input gives the same file system. */
  readonly uuid: string;
  readonly folder: string;
  readonly entries: readonly OwnedEntry[];
  /** Place for the list of debugfs commands. */
  readonly script: string;
  /** Of the file system itself, in seconds since 1970. */
  readonly time: number;
  readonly signal: AbortSignal;
};

const BLOCK = 4096;
const TYPES = { directory: 0o040000, file: 0o100000, symlink: 0o120000 };

/** A word of debugfs: quoted, with quotation marks doubled. */
const debugfsQuoted = (path: string): string =>
  `"/${path.replaceAll('"', '""')}"`;

/** The commands that set an entry's owner and time: mke2fs records the user who runs it, and the time of unpacking. */
const commandsFor = ({
  path,
  kind,
  mode,
  uid,
  gid,
  mtime,
}: OwnedEntry): string =>
  Object.entries({
    mode: `0${(TYPES[kind] | mode).toString(8)}`,
    uid,
    gid,
    mtime: `@${mtime}`,
    ctime: `@${mtime}`,
    atime: `@${mtime}`,
  })
    .map(
      ([field, value]) =>
        `set_inode_field ${debugfsQuoted(path)} ${field} ${value}\n`,
    )
    .join("");

/** debugfs always ends with status 0, so whatever it says besides its version counts as a failure. */
const failuresIn = (stderr: string): readonly string[] =>
  stderr.split("\n").filter((line) => line !== "" && !/^debugfs \d/.test(line));

/** Throws TOOL_MISSING and TOOL_FAILED. */
export const makeExt4 = async (options: Ext4Options): Promise<void> => {
  const { image, offset, length, entries, script, signal } = options;
  const tool = {
    package: "e2fsprogs",
    signal,
    // This makes e2fsprogs use another time than now.
    env: { E2FSPROGS_FAKE_TIME: String(options.time) },
  };
  await runTool(
    "mke2fs",
    `-q -F -t ext4 -b ${BLOCK} -m 1 -L ${options.label} -U ${options.uuid}`
      .split(" ")
      .concat(
        "-d",
        options.folder,
        "-E",
        `offset=${offset},root_owner=0:0,hash_seed=${options.uuid},lazy_itable_init=0,lazy_journal_init=0`,
        image,
        String(length / BLOCK),
      ),
    tool,
  );
  await writeFile(script, entries.map(commandsFor).join(""));
  const { stderr } = await runTool(
    "debugfs",
    ["-w", "-f", script, `${image}?offset=${offset}`],
    tool,
  );
  const failures = failuresIn(stderr);
  if (failures.length > 0) {
    throw new UserError(
      "TOOL_FAILED",
      "debugfs cannot set the owners of the files",
      { facts: failures.slice(0, 8) },
    );
  }
};
