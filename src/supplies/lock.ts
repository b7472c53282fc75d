// The lockfile's content: what a build took from the network, so that the next build takes the same.
import { z } from "zod";
import { bundleSchema, type LockedBundle } from "../bundle/locked-bundle.ts";

/** Raised when a field changes its meaning. */
const LOCK_SCHEMA = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const lockSchema = z.strictObject({
  schema: z.literal(LOCK_SCHEMA),
  kubernetes: z.strictObject({ minor: z.string(), patch: z.string() }),
  /** Base images: the name in the inventory, and the file that was used for it. */
  bases: z.array(
    z.strictObject({ name: z.string(), file: z.string(), sha256 }),
  ),
  /** What the first control plane applies; `version` is null for add-ons by address. */
  manifests: z.array(
    z.strictObject({
      name: z.string(),
      version: z.string().nullable(),
      /** The publisher's address, even where a mirror served the file. */
      url: z.string(),
      sha256,
    }),
  ),
  keys: z.array(
    z.strictObject({
      name: z.string(),
      fingerprint: z.string(),
      /** RFC 3339; null for a key that does not expire. */
      expires: z.string().nullable(),
    }),
  ),
  /** Public SSH keys by address; left out where the inventory names none. */
  sshKeys: z
    .array(z.strictObject({ url: z.string(), keys: z.array(z.string()) }))
    .optional(),
  /** What the cards carry; left out where they carry nothing. */
  bundles: z.array(bundleSchema).optional(),
  /** The cluster that cards were built for; left out before the first build. */
  cluster: z
    .strictObject({
      /** SHA-256 of its authority's public key: a build without its secrets must not make another cluster. */
      authority: sha256,
      /** When it was first seen running: a card that is built later must not begin a second one. */
      ran: z.iso.date().optional(),
      /** The minor, such as "1.36", that it was last seen running: a node that is newer than its API server cannot join. */
      kubernetes: z.string().optional(),
    })
    .optional(),
});

export type Lock = Readonly<z.infer<typeof lockSchema>>;
export type LockedBase = Lock["bases"][number];
export type LockedManifest = Lock["manifests"][number];
export type LockedSshKeys = NonNullable<Lock["sshKeys"]>[number];
export type LockedKey = Lock["keys"][number];

type Found = {
  readonly kubernetes: Lock["kubernetes"];
  readonly bases: readonly LockedBase[];
  readonly manifests: readonly LockedManifest[];
  readonly keys: readonly LockedKey[];
  /** SHA-256 of the public key of the authority that the cards trust; undefined for a run that makes no cards. */
  readonly authority?: string | undefined;
  /** Undefined where nobody looked; null for a cluster whose cards carry nothing. */
  readonly bundles?: readonly LockedBundle[] | null | undefined;
  /** All that the inventory names. */
  readonly sshKeys?: readonly LockedSshKeys[] | undefined;
};

/** The entries of this run, then those of earlier runs that this run did not look at. */
const merged = <Entry>(
  found: readonly Entry[],
  earlier: readonly Entry[],
  keyOf: (entry: Entry) => string,
  isWanted: (entry: Entry) => boolean,
): Entry[] =>
  [
    ...new Map(
      [...earlier.filter(isWanted), ...found].map((entry) => [
        keyOf(entry),
        entry,
      ]),
    ).values(),
  ].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));

const clusterOf = (
  earlier: Lock | undefined,
  authority = earlier?.cluster?.authority,
): Pick<Lock, "cluster"> => {
  if (authority === undefined) {
    return {};
  }
  const known = earlier?.cluster;
  return { cluster: known?.authority === authority ? known : { authority } };
};

/**
 * The lock after a run. A run for only some nodes does not look at everything, so what an earlier run recorded stays as long
 * as the inventory names it.
 *
 * @param wanted names of bases and addresses of manifests that the inventory has
 */
export const mergeLock = (
  earlier: Lock | undefined,
  found: Found,
  wanted: ReadonlySet<string>,
): Lock => {
  const bundles =
    found.bundles === null
      ? []
      : merged(
          found.bundles ?? [],
          earlier?.bundles ?? [],
          ({ base }) => base,
          ({ base }) => wanted.has(base),
        );
  return {
    schema: LOCK_SCHEMA,
    kubernetes: found.kubernetes,
    bases: merged(
      found.bases,
      earlier?.bases ?? [],
      ({ name }) => name,
      ({ name }) => wanted.has(name),
    ),
    manifests: merged(
      found.manifests,
      earlier?.manifests ?? [],
      ({ url }) => url,
      ({ url }) => wanted.has(url),
    ),
    keys: merged(
      found.keys,
      earlier?.keys ?? [],
      ({ name }) => name,
      () => true,
    ),
    ...(found.sshKeys === undefined || found.sshKeys.length === 0
      ? {}
      : { sshKeys: [...found.sshKeys] }),
    ...(bundles.length === 0 ? {} : { bundles }),
    ...clusterOf(earlier, found.authority),
  };
};

/** The day, YYYY-MM-DD, on which the cluster of this authority was first seen running; undefined where it never was. */
export const ranOn = (
  lock: Lock | undefined,
  authority: string,
): string | undefined =>
  lock?.cluster?.authority === authority ? lock.cluster.ran : undefined;

/** The file's text; the same lock always gives the same bytes. */
export const renderLock = (lock: Lock): string =>
  `${JSON.stringify(lock, undefined, 2)}\n`;
