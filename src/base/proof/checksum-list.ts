// Finds the SHA-256 of a file in a list of checksums: SHA256SUMS, <file>.sha256 and their like.
import { UserError } from "../../report/user-error.ts";
import {
  type ListedDigest,
  parseChecksumLine,
  plainName,
} from "./checksum-line.ts";
import { decodeText, type ListLine, linesOfList } from "./checksum-text.ts";

const DIGEST = /^[0-9a-f]{64}$/;

export type ChecksumList = {
  /** The file or address, for messages. */
  readonly from: string;
  /** Not empty. */
  readonly digests: readonly (ListLine & ListedDigest)[];
  /** Lines that are not checksums; they matter only where one is about the wanted file. */
  readonly unread: readonly ListLine[];
};

export const checksumListWrong = (
  from: string,
  why: string,
  hint = "get the file again from where the image comes from, or remove it to do without that check",
): UserError =>
  new UserError("CHECKSUM_LIST_WRONG", `${from} ${why}`, {
    state: "nothing was written",
    hint,
  });

/** The digest in lower case; undefined for a text that is not a SHA-256 digest in hex. */
export const parseDigest = (text: string): string | undefined =>
  DIGEST.test(text.toLowerCase()) ? text.toLowerCase() : undefined;

/**
 * Throws CHECKSUM_LIST_WRONG where no line is a checksum.
 *
 * @param from the file or address, for messages
 */
export const parseChecksumList = (data: Buffer, from: string): ChecksumList => {
  const text = decodeText(data);
  if (text === undefined) {
    throw checksumListWrong(
      from,
      "is not plain text: save it as UTF-8, not as UTF-16",
    );
  }
  const digests: (ListLine & ListedDigest)[] = [];
  const unread: ListLine[] = [];
  for (const line of linesOfList(text)) {
    const digest = parseChecksumLine(line.text);
    if (digest === undefined) {
      unread.push(line);
    } else {
      digests.push({ ...line, ...digest });
    }
  }
  if (digests.length === 0) {
    const [first] = unread;
    throw checksumListWrong(
      from,
      first === undefined
        ? "is empty"
        : `has no checksum in it: line ${first.number} is not a digest with a file name`,
    );
  }
  return { from, digests, unread };
};

/** The names in the list, without folders, each once. */
export const listedNames = ({ digests }: ChecksumList): readonly string[] => [
  ...new Set(digests.flatMap(({ names }) => names.slice(0, 1)).filter(Boolean)),
];

const BEFORE = String.raw`(?:^|[\s/\\*("':=])`;
const AFTER = String.raw`(?:$|[\s)"':=,;])`;

/** Whether the line contains the name as a word of its own, whatever its form. */
const isAbout = (text: string, file: string): boolean => {
  const name = file.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`${BEFORE}${name}${AFTER}`).test(plainName(text));
};

/** Throws for a malformed line about the file: ignoring it would silently skip the check. */
const demandReadable = (
  { from, digests, unread }: ChecksumList,
  file: string,
): void => {
  const broken =
    unread.find(({ text }) => isAbout(text, file)) ??
    digests.find(({ names }) =>
      names.some(
        (name) => name.startsWith(file) && /^\s/.test(name.slice(file.length)),
      ),
    );
  if (broken !== undefined) {
    throw checksumListWrong(
      from,
      `cannot be understood: line ${broken.number} is about ${file}, but is not a checksum with a file name`,
    );
  }
};

export type Listed = {
  readonly sha256: string | undefined;
  /** Names of the other algorithms with which the list has a digest of the file. */
  readonly others: readonly string[];
};

const oneDigest = (
  digests: readonly ListedDigest[],
  from: string,
  file: string,
): Listed => {
  const sha256 = digests
    .filter(({ algorithm }) => algorithm === "SHA-256")
    .map(({ digest }) => digest);
  if (new Set(sha256).size > 1) {
    throw checksumListWrong(
      from,
      `has two different checksums of ${file}`,
      "ask the publisher which of them is right, and remove the other line",
    );
  }
  const others = digests
    .map(({ algorithm }) => algorithm)
    .filter((algorithm) => algorithm !== "SHA-256");
  return { sha256: sha256[0], others: [...new Set(others)] };
};

const isNameless = ({ names }: ListedDigest): boolean => !names.some(Boolean);

/**
 * What the list says of the file, in whatever folder it is listed; undefined where the list does not have it. Throws
 * CHECKSUM_LIST_WRONG for two digests of it, and for a line about it that is not a checksum.
 *
 * @param file a name without folders
 * @param alone whether the list is for this file only, and need not name it
 */
export const findListed = (
  list: ChecksumList,
  file: string,
  alone = false,
): Listed | undefined => {
  const name = plainName(file);
  const found = list.digests.filter(
    (digest) => digest.names.includes(name) || (alone && isNameless(digest)),
  );
  if (found.length === 0) {
    demandReadable(list, name);
    return undefined;
  }
  return oneDigest(found, list.from, file);
};

/** The list's name for the file where it differs only in upper and lower case, as after a copy through Windows. */
export const otherCase = (
  { digests }: ChecksumList,
  file: string,
): string | undefined => {
  const name = plainName(file).toLowerCase();
  return digests
    .flatMap(({ names }) => names)
    .find((listed) => listed.toLowerCase() === name);
};
