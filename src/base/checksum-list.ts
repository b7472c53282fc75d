// Reads lists of SHA-256 checksums as sha256sum writes them: SHA256SUMS and <file>.sha256.
import { UserError } from "../report/user-error.ts";

const DIGEST = /^[0-9a-f]{64}$/;

/** In front of a name stands a space, then * (read as binary) or another space (read as text). */
const LINE = /^(?<digest>[0-9A-Fa-f]{64})(?: [ *](?<name>[^\0]+))?$/;

/** BSD's form, which `sha256sum --tag` writes as well. */
const TAGGED_LINE = /^SHA256 \((?<name>[^\0]+)\) = (?<digest>[0-9A-Fa-f]{64})$/;

export const checksumListWrong = (from: string, why: string): UserError =>
  new UserError("CHECKSUM_LIST_WRONG", `${from} ${why}`, {
    state: "nothing was written",
    hint: "get the file again from where the image comes from, or remove it to build without that check",
  });

/** Lower case, or undefined for what is no SHA-256 digest in hex. */
export const parseDigest = (text: string): string | undefined =>
  DIGEST.test(text.toLowerCase()) ? text.toLowerCase() : undefined;

/**
 * Digests in lower case, by file name. A line with just a digest gets the name "". Throws CHECKSUM_LIST_WRONG for a line
 * of another form, two digests for one name, or no line at all.
 *
 * @param from the file or address, for messages
 */
export const parseChecksumList = (
  text: string,
  from: string,
): ReadonlyMap<string, string> => {
  const digests = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === "") {
      continue;
    }
    const groups = (LINE.exec(line) ?? TAGGED_LINE.exec(line))?.groups;
    const digest = groups?.["digest"]?.toLowerCase();
    if (digest === undefined) {
      throw checksumListWrong(
        from,
        `cannot be understood: line ${index + 1} is no SHA-256 digest with a file name`,
      );
    }
    const name = (groups?.["name"] ?? "").replace(/^\.\//, "");
    if ((digests.get(name) ?? digest) !== digest) {
      throw checksumListWrong(from, `has two checksums for ${name}`);
    }
    digests.set(name, digest);
  }
  if (digests.size === 0) {
    throw checksumListWrong(from, "is empty");
  }
  return digests;
};
