// Compares a base image with every checksum that is known for it, before anything is made from it.
import { basename, dirname, join } from "node:path";
import { UserError } from "../../report/user-error.ts";
import { readPublished } from "./beside-file.ts";
import {
  type ChecksumList,
  checksumListWrong,
  findListed,
  listedNames,
  otherCase,
  parseChecksumList,
  parseDigest,
} from "./checksum-list.ts";
import { CHECKSUM_ENDINGS, CHECKSUM_LISTS } from "./checksum-names.ts";
import { unpackedDigest } from "./unpacked-digest.ts";

const PACKED = /\.(?:xz|gz|zst|zip|bz2)$/i;

const GIVEN = "--sha256";

export type ExpectedChecksum = {
  readonly sha256: string;
  /** Where the checksum comes from: a file's path, an address, or "--sha256". */
  readonly from: string;
};

const readList = async (path: string): Promise<ChecksumList | undefined> => {
  const data = await readPublished(path);
  return data && parseChecksumList(data, path);
};

type Beside = {
  readonly from: string;
  readonly sha256: string | undefined;
  /** Algorithms of the listed digests that are not compared. */
  readonly others: readonly string[];
};

/** What the list says of the file, even under a name that differs only in upper and lower case. */
const listedIn = (
  list: ChecksumList,
  path: string,
  alone = false,
): Beside | undefined => {
  const name = basename(path);
  const { from } = list;
  const found = findListed(list, name, alone);
  if (found !== undefined) {
    return { from, ...found };
  }
  const other = otherCase(list, name);
  const listed = other === undefined ? undefined : findListed(list, other);
  return listed && { from: `${from} (as ${other})`, ...listed };
};

/** `<file>.sha256`: one digest, alone or with the name of the file. */
const besideFile = async (
  path: string,
  ending: string,
): Promise<Beside | undefined> => {
  const from = `${path}${ending}`;
  const list = await readList(from);
  if (list === undefined) {
    return undefined;
  }
  const found = listedIn(list, path, true);
  if (found === undefined) {
    throw checksumListWrong(
      from,
      `has no checksum for ${basename(path)}, only for ${listedNames(list).slice(0, 3).join(", ")}`,
    );
  }
  return found;
};

/** `<node>.img.sha256` beside `<node>.img.xz`, as `build` writes it, where it is about this file. */
const besideRawName = async (path: string): Promise<Beside | undefined> => {
  const raw = path.replace(PACKED, "");
  const from = `${raw}.sha256`;
  const list = raw === path ? undefined : await readList(from);
  return list && listedIn(list, path);
};

/**
 * The digest of the unpacked image: from `a.img.sha256` beside `a.img.xz`, if it has no name or the image's, or from the
 * folder's list, if that has `a.img` and not the packed file.
 */
export const unpackedChecksumBeside = async (
  path: string,
): Promise<ExpectedChecksum | undefined> => {
  const raw = path.replace(PACKED, "");
  if (raw === path) {
    return undefined;
  }
  const own = `${raw}.sha256`;
  const lists = CHECKSUM_LISTS.map((name) => join(dirname(path), name));
  for (const from of [own, ...lists]) {
    const list = await readList(from);
    if (list !== undefined && listedIn(list, path) === undefined) {
      const found = listedIn(list, raw, from === own);
      if (found?.sha256 !== undefined) {
        return { sha256: found.sha256, from: found.from };
      }
    }
  }
  return undefined;
};

/** `SHA256SUMS` in the same folder, where it lists the file. */
const inFolder = async (
  path: string,
  name: string,
): Promise<Beside | undefined> => {
  const from = join(dirname(path), name);
  const list = await readList(from);
  const found = list && listedIn(list, path);
  if (list !== undefined && listedNames(list).length === 0) {
    throw checksumListWrong(
      from,
      "does not say which file its checksum is for",
      "write the file's name after the checksum, or give the checksum with --sha256 and remove the list",
    );
  }
  return found;
};

/** The checksum that the user gave, checked for its form. */
export const givenChecksum = (
  sha256: string | undefined,
): ExpectedChecksum | undefined => {
  if (sha256 === undefined) {
    return undefined;
  }
  // Accepts the prefix with which a container registry or OpenSSL shows a digest.
  const digest = parseDigest(sha256.trim().replace(/^sha-?256[:=]\s*/i, ""));
  if (digest === undefined) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `${JSON.stringify(sha256)} is not a SHA-256 checksum`,
      {
        state: "nothing was written",
        hint: "give the 64 hexadecimal digits that the publisher shows",
      },
    );
  }
  return { sha256: digest, from: GIVEN };
};

/**
 * Every checksum in the lists beside a file. Throws CHECKSUM_LIST_WRONG for a list that cannot be read or does not say what
 * the file's digest is, and, unless a checksum is given, where all digests are of other algorithms.
 */
export const checksumsBeside = async (
  path: string,
  given?: ExpectedChecksum,
): Promise<readonly ExpectedChecksum[]> => {
  const beside: (Beside | undefined)[] = [];
  for (const ending of CHECKSUM_ENDINGS) {
    beside.push(await besideFile(path, ending));
  }
  beside.push(await besideRawName(path));
  for (const name of CHECKSUM_LISTS) {
    beside.push(await inFolder(path, name));
  }
  const found = beside.filter((each) => each !== undefined);
  const known = found.flatMap(({ from, sha256 }) =>
    sha256 === undefined ? [] : [{ from, sha256 }],
  );
  const [other] = found;
  if (given === undefined && known.length === 0 && other !== undefined) {
    throw checksumListWrong(
      other.from,
      `has no SHA-256 checksum of ${basename(path)}, only ${other.others.join(" and ")}`,
      "take the publisher's SHA-256 checksum, and give it with --sha256; the other kinds are not compared",
    );
  }
  return known;
};

const mismatch = (
  name: string,
  sha256: string,
  wrong: ExpectedChecksum,
  hint: string,
): UserError =>
  new UserError(
    "CHECKSUM_MISMATCH",
    `${name} does not have the checksum that ${wrong.from} says`,
    {
      facts: [`expected ${wrong.sha256}`, `found    ${sha256}`],
      state: "nothing was written",
      hint,
    },
  );

const AGAIN = "download the image again; if this persists, do not use it";

/** Throws CHECKSUM_MISMATCH unless the file's digest is each of the expected ones. */
export const demandChecksums = (
  name: string,
  sha256: string,
  expected: readonly ExpectedChecksum[],
): void => {
  const wrong = expected.find((each) => each.sha256 !== sha256);
  if (wrong !== undefined) {
    throw mismatch(
      name,
      sha256,
      wrong,
      wrong.from === GIVEN && PACKED.test(name)
        ? `${AGAIN}. The checksum must be that of the compressed file itself, not of the unpacked image`
        : AGAIN,
    );
  }
};

/**
 * The same for a file on this computer. If the checksum of a packed file is wrong, the file is unpacked to see whether the
 * checksum is that of the image inside, which some publishers show instead.
 */
export const demandFileChecksums = async (
  path: string,
  sha256: string,
  expected: readonly ExpectedChecksum[],
  signal: AbortSignal,
): Promise<void> => {
  const wrong = expected.find((each) => each.sha256 !== sha256);
  if (wrong === undefined) {
    return;
  }
  const unpacked = await unpackedDigest(path, signal);
  throw mismatch(
    path,
    sha256,
    wrong,
    unpacked === wrong.sha256
      ? `that is the checksum of the unpacked image: give the one of ${basename(path)} itself, or unpack it and flash that`
      : unpacked === undefined && wrong.from === GIVEN
        ? `${AGAIN}. The checksum must be that of this very file, not of the archive that it came in`
        : AGAIN,
  );
};

/** Unpacks the file to compare the image in it. Throws CHECKSUM_MISMATCH, also where it cannot be unpacked. */
export const demandUnpackedChecksum = async (
  path: string,
  expected: ExpectedChecksum,
  signal: AbortSignal,
): Promise<void> => {
  const unpacked = await unpackedDigest(path, signal);
  if (unpacked !== expected.sha256) {
    const found = unpacked ?? "none: it cannot be unpacked";
    throw mismatch(`the image in ${path}`, found, expected, AGAIN);
  }
};
