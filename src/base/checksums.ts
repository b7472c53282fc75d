// Compares a base image with every checksum that is known for it, before anything is made from it.
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { UserError } from "../report/user-error.ts";
import {
  checksumListWrong,
  parseChecksumList,
  parseDigest,
} from "./checksum-list.ts";

/** Lists of whole archives are smaller; beyond this the file is something else. */
const MAX_LIST_SIZE = 1024 * 1024;

export type ExpectedChecksum = {
  readonly sha256: string;
  /** Who says so: a file's path, an address, or "--sha256". */
  readonly from: string;
};

/** The text of a list, or undefined where there is no such file. */
const readList = async (path: string): Promise<string | undefined> => {
  try {
    const file = await open(path, "r");
    try {
      if ((await file.stat()).size > MAX_LIST_SIZE) {
        throw checksumListWrong(path, "is too large to be a list of checksums");
      }
      return await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof UserError) {
      throw error;
    }
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "ENOENT") {
      return undefined;
    }
    // A checksum that is there but cannot be read must not pass for one that is not there.
    throw checksumListWrong(path, `cannot be read (${String(code)})`);
  }
};

/** `<file>.sha256`: one digest, alone or with the name of the file. */
const besideFile = async (
  path: string,
): Promise<ExpectedChecksum | undefined> => {
  const from = `${path}.sha256`;
  const text = await readList(from);
  if (text === undefined) {
    return undefined;
  }
  const digests = parseChecksumList(text, from);
  const name = basename(path);
  // Some publishers write the path as it was on their machine.
  const entry = [...digests].find(
    ([listed]) => listed === "" || basename(listed) === name,
  );
  if (entry === undefined) {
    throw checksumListWrong(
      from,
      `has no checksum for ${name} but for ${[...digests.keys()].slice(0, 3).join(", ")}`,
    );
  }
  return { sha256: entry[1], from };
};

/** `<node>.img.sha256` beside `<node>.img.xz`, as `build` writes it, where it is about this file. */
const besideRawName = async (
  path: string,
): Promise<ExpectedChecksum | undefined> => {
  const raw = path.replace(/\.(?:xz|gz|zst|zip)$/i, "");
  const from = `${raw}.sha256`;
  const text = raw === path ? undefined : await readList(from);
  const sha256 =
    text === undefined
      ? undefined
      : parseChecksumList(text, from).get(basename(path));
  return sha256 === undefined ? undefined : { sha256, from };
};

/** `SHA256SUMS` in the same folder, where it lists the file. */
const inFolder = async (
  path: string,
): Promise<ExpectedChecksum | undefined> => {
  const from = join(dirname(path), "SHA256SUMS");
  const text = await readList(from);
  const sha256 =
    text === undefined
      ? undefined
      : parseChecksumList(text, from).get(basename(path));
  return sha256 === undefined ? undefined : { sha256, from };
};

/** The checksum that the user gave, checked for its form. */
export const givenChecksum = (
  sha256: string | undefined,
): ExpectedChecksum | undefined => {
  if (sha256 === undefined) {
    return undefined;
  }
  const digest = parseDigest(sha256);
  if (digest === undefined) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `${JSON.stringify(sha256)} is no SHA-256 checksum`,
      {
        state: "nothing was written",
        hint: "give the 64 hexadecimal digits that the publisher shows",
      },
    );
  }
  return { sha256: digest, from: "--sha256" };
};

/** Every checksum that stands beside a file. Throws CHECKSUM_LIST_WRONG for one that cannot be understood. */
export const checksumsBeside = async (
  path: string,
): Promise<readonly ExpectedChecksum[]> =>
  [
    await besideFile(path),
    await besideRawName(path),
    await inFolder(path),
  ].filter((expected) => expected !== undefined);

/** Throws CHECKSUM_MISMATCH unless the file's digest is each of the expected ones. */
export const demandChecksums = (
  name: string,
  sha256: string,
  expected: readonly ExpectedChecksum[],
): void => {
  const wrong = expected.find((each) => each.sha256 !== sha256);
  if (wrong !== undefined) {
    throw new UserError(
      "CHECKSUM_MISMATCH",
      `${name} does not have the checksum that ${wrong.from} says`,
      {
        facts: [`expected ${wrong.sha256}`, `found    ${sha256}`],
        state: "nothing was written",
        hint: "download the image again; if it stays so, do not use it",
      },
    );
  }
};
