// The key of the Kubernetes packages: from the cache while it remains valid for long enough, else fetched again.
import { createHash } from "node:crypto";
import { cachePath } from "../network/cache.ts";
import { fetchSmall } from "../network/fetch-small.ts";
import { shownUrl } from "../network/http-request.ts";
import { keptOrFetched } from "../base/proof/kept-key.ts";
import { day } from "../report/day.ts";
import { UserError } from "../report/user-error.ts";
import type { FetchOptions } from "./fetch-file.ts";
import { readKey, type ServedKey, WrongKey } from "../base/proof/read-key.ts";

type WantedKey = {
  readonly url: URL;
  /** The primary key's fingerprint, in capitals without spaces. */
  readonly fingerprint: string;
  readonly now: Date;
};

/**
 * How long before its end to warn: some time before the key expires, its owner publishes it with a later end and the same
 * fingerprint.
 */
const WARN_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;

/** The key takes 4 KiB, so anything larger than this is something else. */
const KEY_LIMIT = 64 * 1024;

const daysLeft = ({ expires }: ServedKey, now: Date): number =>
  expires === undefined
    ? Number.POSITIVE_INFINITY
    : (expires.getTime() - now.getTime()) / DAY_MS;

const end = ({ expires }: ServedKey): string =>
  expires === undefined ? "never" : day(expires);

const keyWrong = (from: string, cause: WrongKey): UserError =>
  new UserError(
    "KEY_WRONG",
    `${from} is not the key of the Kubernetes packages: it ${cause.message}`,
    {
      state: "nothing was written",
      hint: "try again on another network; a mirror has to serve the key of pkgs.k8s.io as it is",
      cause,
    },
  );

const keyExpired = (from: string, key: ServedKey, now: Date): UserError =>
  new UserError(
    "KEY_EXPIRED",
    `the key of the Kubernetes packages at ${from} expired on ${end(key)}`,
    {
      facts: [`this computer's clock says ${day(now)}`],
      state: "nothing was written",
      hint: "check the clock; where a mirror serves the key, let it fetch the key again, because the Kubernetes project extends it before it expires",
    },
  );

const downloadKey = async (
  wanted: WantedKey,
  options: FetchOptions,
): Promise<ServedKey> => {
  const from = shownUrl(wanted.url);
  const text = await fetchSmall(wanted.url, KEY_LIMIT, options);
  const key = await readKey(text.toString("latin1"), wanted.fingerprint);
  if (daysLeft(key, wanted.now) <= 0) {
    throw keyExpired(from, key, wanted.now);
  }
  return key;
};

/**
 * Undefined when the cache has no valid key and the network is not to be used. Throws NetworkFailure, KEY_WRONG and
 * KEY_EXPIRED; warns of a key that expires within 30 days.
 */
export const fetchKey = async (
  wanted: WantedKey,
  options: FetchOptions,
): Promise<ServedKey | undefined> => {
  const { url, fingerprint, now } = wanted;
  const file = createHash("sha256").update(url.href).digest("hex");
  const path = await cachePath(options.env, "keys", `${file}.asc`);
  const { report, network } = options;
  const key = await keptOrFetched(
    { path, fingerprint, now },
    {
      name: "the key of the Kubernetes packages",
      report,
      network,
      suffices: (kept) => daysLeft(kept, now) > WARN_DAYS,
      download: () => downloadKey(wanted, options),
    },
  ).catch((error: unknown) => {
    throw error instanceof WrongKey ? keyWrong(shownUrl(url), error) : error;
  });
  if (network && key !== undefined && daysLeft(key, now) <= WARN_DAYS) {
    report({
      type: "warning",
      message: `the key of the Kubernetes packages expires on ${end(key)}; a node that starts later fetches it anew`,
      hint: "the Kubernetes project extends the key before it expires: build again later for cards that wait longer",
    });
  }
  return key;
};
