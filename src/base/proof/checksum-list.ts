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
  /** Lines that are no checksum; only one about the wanted file matters. */
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

/** Lower case, or undefined for what is not a SHA-256 digest in hex. */
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

/** Without folders, each once. */
export const listedNames = ({ digests }: ChecksumList): readonly string[] => [
  ...new Set(digests.flatMap(({ names }) => names.slice(0, 1)).filter(Boolean)),
];

const BEFORE = String.raw`(?:^|[\s/\\*("':=])`;
const AFTER = String.raw`(?:$|[\s)"':=,;])`;

/** Whether the line has the name as a word of its own, in whatever form. */
const isAbout = (text: string, file: string): boolean => {
  const name = file.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`${BEFORE}${name}${AFTER}`).test(plainName(text));
};

/** A line that would be about the file if it were written properly: skipping it would skip the check in silence. */
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
  /** Other algorithms of which the list has a digest of the file, as names. */
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
 * What the list says of the file, whatever folder it lists it in; undefined where it does not list it. Throws
 * CHECKSUM_LIST_WRONG for two digests of it, and for a line about it that is not a checksum.
 *
 * @param file a name without folders
 * @param alone the list is of this file alone, and need not name it
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

/** The name that the list has for the file where only the case of letters differs, as after a copy through Windows. */
export const otherCase = (
  { digests }: ChecksumList,
  file: string,
): string | undefined => {
  const name = plainName(file).toLowerCase();
  return digests
    .flatMap(({ names }) => names)
    .find((listed) => listed.toLowerCase() === name);
};
