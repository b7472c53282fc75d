// A vendor's key in the cache: fetched again at intervals so that revocations arrive; a key that was revoked once stays
// revoked.
import { stat, utimes } from "node:fs/promises";
import { day } from "../../report/day.ts";
import { ABSENT, ifOneOf } from "../../report/expected-failure.ts";
import type { Report } from "../../report/events.ts";
import { writeFileAtomically } from "../../system/atomic-file.ts";
import { readIfThere } from "../../system/read-if-there.ts";
import { NetworkFailure } from "../../network/network-failure.ts";
import { readKey, RevokedKey, type ServedKey, WrongKey } from "./read-key.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** How long a key is used without asking its server again. */
const MAX_AGE_DAYS = 7;

type KeptKey = {
  readonly key: ServedKey;
  /** When it was fetched, which the file's modification time says. */
  readonly fetched: Date;
};

type WantedKey = {
  /** Where the key is in the cache. */
  readonly path: string;
  /** The primary key's fingerprint, in capitals without spaces. */
  readonly fingerprint: string;
  readonly now: Date;
};

/**
 * The key in the cache; undefined where there is none that is valid now. Throws RevokedKey for one that is known to be
 * revoked.
 */
const load = async ({
  path,
  fingerprint,
  now,
}: WantedKey): Promise<KeptKey | undefined> => {
  const text = await readIfThere(path);
  if (text === undefined) {
    return undefined;
  }
  try {
    const key = await readKey(text.toString("latin1"), fingerprint);
    return key.expires !== undefined && key.expires <= now
      ? undefined
      : { key, fetched: (await stat(path)).mtime };
  } catch (error) {
    if (error instanceof RevokedKey) {
      throw error;
    }
    // A damaged key, or one for another fingerprint, counts as missing.
    return ifOneOf(error, [...ABSENT, WrongKey], undefined);
  }
};

const keep = async (
  { path, now }: WantedKey,
  { text }: { readonly text: string },
): Promise<void> => {
  await writeFileAtomically(path, text);
  await utimes(path, now, now);
};

/** A time in the future says nothing about the key's age. */
const isFresh = ({ fetched }: KeptKey, now: Date): boolean => {
  const days = (now.getTime() - fetched.getTime()) / DAY_MS;
  return days >= 0 && days < MAX_AGE_DAYS;
};

type Fetching = {
  /** What messages call it. */
  readonly name: string;
  readonly report: Report;
  /** Whether the network may be used; otherwise only the cache is looked at. */
  readonly network: boolean;
  /** Whether a recently fetched key will do without asking the server. */
  readonly suffices: (key: ServedKey) => boolean;
  /** Throws NetworkFailure, WrongKey, or an error for the user. */
  readonly download: () => Promise<ServedKey>;
};

/**
 * The key from the cache, or fetched again when that one is a week old; where the server cannot be reached the old one is
 * used, and a notice says so. Undefined where there is none and the network is not to be used. Throws RevokedKey, even where
 * only an earlier run saw the revocation, and what `download` throws.
 */
export const keptOrFetched = async (
  wanted: WantedKey,
  { name, report, network, suffices, download }: Fetching,
): Promise<ServedKey | undefined> => {
  const kept = await load(wanted);
  const fresh = kept !== undefined && isFresh(kept, wanted.now);
  if (!network || (fresh && suffices(kept.key))) {
    return kept?.key;
  }
  try {
    const key = await download();
    await keep(wanted, key);
    return key;
  } catch (error) {
    if (error instanceof RevokedKey) {
      await keep(wanted, error);
    }
    if (!(error instanceof NetworkFailure) || kept === undefined) {
      throw error;
    }
    if (!fresh) {
      report({
        type: "notice",
        message: `${error.message}: using ${name} as it was fetched on ${day(kept.fetched)}; if it has been revoked since, this computer does not know`,
      });
    }
    return kept.key;
  }
};
