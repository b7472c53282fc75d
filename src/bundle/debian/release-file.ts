// What a package archive's signed InRelease says: its date, and the digests of its lists.
// https://wiki.debian.org/DebianRepository/Format#A.22Release.22_files
import { day } from "../../report/day.ts";
import {
  type PinnedKey,
  verifyClearSigned,
} from "../../base/proof/signature.ts";
import { archiveWrong } from "./archive-wrong.ts";
import { parseStanzas, type Stanza } from "./stanza.ts";

export type ListedFile = { readonly size: number; readonly sha256: string };

export type ArchiveRelease = {
  readonly date: Date;
  /** Whether lists can be had under their digests, so that an update between two requests does no harm. */
  readonly byHash: boolean;
  /** By their paths below the InRelease. */
  readonly files: ReadonlyMap<string, ListedFile>;
};

export type ReleaseDemands = {
  /** The signature of one of them is enough; not empty. */
  readonly keys: readonly PinnedKey[];
  /** Undefined for a flat archive, which has no name to compare. */
  readonly suite: string | undefined;
  /** The date that the lockfile records; an older InRelease is somebody holding back updates. */
  readonly seen: Date | undefined;
  readonly now: Date;
  /** The address, for messages. */
  readonly from: string;
};

const LINE = /^([0-9a-f]{64})\s+(\d{1,15})\s+(\S+)$/;

const filesOf = (stanza: Stanza, from: string) => {
  const files = new Map<string, ListedFile>();
  const lines = (stanza.get("sha256") ?? "").split("\n");
  for (const line of lines.filter((each) => each !== "")) {
    const [, sha256, size, path] = LINE.exec(line) ?? [];
    if (sha256 === undefined || path === undefined || files.has(path)) {
      throw archiveWrong(from, `has a line that cannot be understood: ${line}`);
    }
    files.set(path, { size: Number(size), sha256 });
  }
  if (files.size === 0) {
    throw archiveWrong(from, "lists no file with a SHA-256");
  }
  return files;
};

const dateOf = (text: string | undefined): Date | undefined => {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? undefined : new Date(time);
};

const demandFresh = (
  stanza: Stanza,
  { from, seen, now }: ReleaseDemands,
): Date => {
  const date = dateOf(stanza.get("date"));
  if (date === undefined) {
    throw archiveWrong(from, "has no date");
  }
  if (seen !== undefined && date < seen) {
    throw archiveWrong(
      from,
      `is of ${day(date)}, and the lockfile has seen one of ${day(seen)}: the server is out of date, or somebody is withholding updates`,
    );
  }
  // Ubuntu's archive has no such field.
  if (stanza.has("valid-until")) {
    const until = dateOf(stanza.get("valid-until"));
    if (until === undefined || until < now) {
      throw archiveWrong(
        from,
        until === undefined
          ? "has a Valid-Until that is not a date"
          : `was valid until ${day(until)}: the server is out of date, or this computer's clock is wrong`,
      );
    }
  }
  return date;
};

/** Throws SIGNATURE_WRONG and ARCHIVE_WRONG. */
export const readInRelease = async (
  data: Uint8Array,
  demands: ReleaseDemands,
): Promise<ArchiveRelease> => {
  const { from, suite, keys, now } = demands;
  const text = await verifyClearSigned({ data, from, now }, keys);
  const [stanza, another] = parseStanzas(text);
  if (stanza === undefined || another !== undefined) {
    throw archiveWrong(from, "is not one paragraph of fields");
  }
  // The same key signs every suite of an archive.
  const names = [stanza.get("suite"), stanza.get("codename")];
  if (suite !== undefined && !names.includes(suite)) {
    throw archiveWrong(from, `is of ${names.join(" or ")}, not of ${suite}`);
  }
  return {
    date: demandFresh(stanza, demands),
    byHash: stanza.get("acquire-by-hash") === "yes",
    files: filesOf(stanza, from),
  };
};
