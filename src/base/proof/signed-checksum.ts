// The checksum of an image from a list signed by a key that the user names, with --signed-by or in `trust:` of the
// inventory.
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { ifOneOf } from "../../report/expected-failure.ts";
import { UserError } from "../../report/user-error.ts";
import { writeFileAtomically } from "../../system/atomic-file.ts";
import { readIfThere } from "../../system/read-if-there.ts";
import type { ResolveOptions } from "../base-request.ts";
import { readPublished } from "./beside-file.ts";
import { loadCatalogue } from "../load-catalogue.ts";
import { cachePath } from "../../network/cache.ts";
import {
  checksumListWrong,
  findListed,
  parseChecksumList,
} from "./checksum-list.ts";
import {
  demandChecksums,
  type ExpectedChecksum,
  givenChecksum,
} from "./checksums.ts";
import { demandNotOlder } from "./demand-newer.ts";
import { parseFingerprint } from "./fingerprint.ts";
import { NetworkFailure } from "../../network/network-failure.ts";
import { publishedFolder, type PublishedFolder } from "./published-folder.ts";
import { keptKey, loadPinnedKey } from "./pinned-key.ts";
import { readKey, RevokedKey, WrongKey } from "./read-key.ts";
import { LIST, LIST_SIGNATURE } from "./release-list.ts";
import {
  ofSignatureBeside,
  type PinnedKey,
  verifySignature,
} from "./signature.ts";
import type { SignedBy } from "./signed-by.ts";
import { releaseOf } from "./vendor-checksum.ts";

/** The name under which `release` publishes the key; the fingerprint tells whether it is the right one. */
const KEY = "signing-key.asc";

type Options = Omit<ResolveOptions, "catalogue"> &
  Partial<Pick<ResolveOptions, "catalogue">>;

const state = "nothing was written";

const isRefused = (error: unknown): error is NetworkFailure =>
  error instanceof NetworkFailure && error.kind === "refused";

const missing = (
  named: string,
  what: string,
  cause: NetworkFailure,
  hint: string,
): UserError =>
  new UserError(
    "SIGNATURE_MISSING",
    `${named} demands a signature, and ${what} cannot be had: ${cause.message}`,
    { state, hint, cause },
  );

const keyWrong = (named: string, place: string, cause: WrongKey): UserError =>
  new UserError(
    "KEY_WRONG",
    `${place} is not the key that ${named} names: it ${cause.message}`,
    {
      state,
      hint:
        cause instanceof RevokedKey
          ? "do not use this image: its publisher has taken the key back; look for a new key where you found the fingerprint"
          : "compare the fingerprint with the one that the publisher shows in another place; if that one is right, do not use this image",
      cause,
    },
  );

type WantedSigner = {
  readonly fingerprint: string;
  /** See `SignedBy`. */
  readonly named: string;
  /** For hints: how to do without a signature. */
  readonly without: string;
};

/** The key beside the list, else the one that an earlier run has kept. */
const loadKey = async (
  { place, read }: PublishedFolder,
  { fingerprint, named }: WantedSigner,
  options: Options,
): Promise<PinnedKey> => {
  try {
    return await keptKey(fingerprint, options, {
      suffices: () => false,
      download: async () =>
        readKey((await read(KEY)).toString("latin1"), fingerprint),
    });
  } catch (error) {
    if (isRefused(error)) {
      throw missing(
        named,
        "the key to check it with",
        error,
        `put the publisher's public key there, in ASCII armour: gpg --armor --export ${fingerprint}`,
      );
    }
    throw error instanceof WrongKey
      ? keyWrong(named, place(KEY), error)
      : error;
  }
};

type ProvenList = { readonly data: Buffer; readonly signed: Date };

const proveList = async (
  { place, read }: PublishedFolder,
  key: PinnedKey,
  { named, without }: WantedSigner,
): Promise<ProvenList> => {
  const from = place(LIST);
  const hint = `get ${LIST} and ${LIST_SIGNATURE} from whoever published the image, or ${without} to do without a proof of who made it`;
  const readOf = (name: string): Promise<Buffer> =>
    read(name).catch((error: unknown) => {
      throw isRefused(error)
        ? missing(named, `the one of ${LIST}`, error, hint)
        : error;
    });
  const data = await readOf(LIST);
  const signature = await readOf(LIST_SIGNATURE);
  try {
    const now = new Date();
    return {
      data,
      signed: await verifySignature({ data, signature, from, now }, key),
    };
  } catch (error) {
    throw ofSignatureBeside(
      error,
      `get ${LIST} and ${LIST_SIGNATURE} again from whoever published the image; if this persists, do not use the image`,
    );
  }
};

const recordSchema = z.strictObject({
  file: z.string(),
  /** When the newest list with this image was signed. */
  signed: z.iso.datetime(),
});

/** Refuses a list that is older than the newest one with this image seen so far; otherwise remembers it. */
const demandNewest = async (
  { file, place }: PublishedFolder,
  { signed }: ProvenList,
  { fingerprint }: PinnedKey,
  { env }: Options,
): Promise<void> => {
  const name = createHash("sha256").update(file).digest("hex");
  const path = await cachePath(
    env,
    "lists",
    `signed-by-${fingerprint}/${name}.json`,
  );
  const text = await readIfThere(path);
  if (text !== undefined) {
    let seen: string | undefined;
    try {
      seen = recordSchema.parse(JSON.parse(text.toString("utf8"))).signed;
    } catch (error) {
      seen = ifOneOf(error, [SyntaxError, z.ZodError], undefined);
    }
    if (seen !== undefined) {
      demandNotOlder(
        { from: place(LIST), signed },
        { signed: new Date(seen), record: path },
      );
    }
  }
  await writeFileAtomically(
    path,
    JSON.stringify({ file, signed: signed.toISOString() }),
  );
};

type Proven = { readonly key: PinnedKey; readonly list: ProvenList };

const proveBy = async (
  folder: PublishedFolder,
  wanted: WantedSigner,
  options: Options,
): Promise<Proven> => {
  const key = await loadKey(folder, wanted, options);
  const list = await proveList(folder, key, wanted).catch((error: unknown) => {
    if (!(error instanceof UserError) || error.code !== "SIGNATURE_WRONG") {
      throw error;
    }
    // The publisher may have changed the list between the two reads.
    return proveList(folder, key, wanted);
  });
  return { key, list };
};

const isUnproven = (error: unknown): error is UserError =>
  error instanceof UserError &&
  ["KEY_WRONG", "SIGNATURE_WRONG", "SIGNATURE_MISSING"].includes(error.code);

/**
 * Proves the list with the catalogue's key, where the image has the name of one of its releases; undefined where that key
 * did not sign.
 */
const proveByVendor = async (
  folder: PublishedFolder,
  { named }: SignedBy,
  options: Options,
): Promise<Proven | undefined> => {
  const catalogue = options.catalogue ?? (await loadCatalogue(options.env));
  const [, release] = releaseOf(folder.file, { catalogue }) ?? [];
  if (release === undefined) {
    return undefined;
  }
  const { fingerprint } = release.key;
  try {
    const key = await loadPinnedKey(release.key, { ...options, catalogue });
    const wanted = { fingerprint, named, without: "" };
    return { key, list: await proveList(folder, key, wanted) };
  } catch (error) {
    if (isUnproven(error)) {
      return undefined;
    }
    throw error;
  }
};

/** Proves the list with the first key that fits. If only one key is named, throws that key's own failure. */
const proveByOne = async (
  folder: PublishedFolder,
  { keys, named, standing }: SignedBy,
  options: Options,
): Promise<Proven> => {
  const without = standing
    ? "give the published checksum with --sha256"
    : `leave ${named} out`;
  const failures: UserError[] = [];
  for (const text of keys) {
    const fingerprint = parseFingerprint(text, named);
    try {
      return await proveBy(folder, { fingerprint, named, without }, options);
    } catch (error) {
      if (!isUnproven(error)) {
        throw error;
      }
      failures.push(error);
    }
  }
  const [first] = failures;
  if (first === undefined) {
    throw new Error(`${named} names no key`);
  }
  const messages = new Set(failures.map(({ message }) => message));
  throw messages.size === 1
    ? first
    : new UserError(
        first.code,
        `${folder.place(LIST)} is not signed by a key of ${named}`,
        {
          facts: [...messages],
          state,
          hint: `do not use the image, or compare the fingerprints with those that its publisher shows in another place; ${without} if another proof of it is at hand`,
          cause: first,
        },
      );
};

/**
 * The image's checksum in the list beside it, which one of the keys must have signed, or, unless --signed-by names a key,
 * the key of the catalogue for an image of this name. Throws SIGNATURE_MISSING, SIGNATURE_WRONG, KEY_WRONG,
 * BASE_TURNED_BACK, CHECKSUM_LIST_WRONG and NetworkFailure.
 */
const signedChecksum = async (
  folder: PublishedFolder,
  signedBy: SignedBy,
  options: Options,
): Promise<ExpectedChecksum> => {
  const { key, list } =
    (signedBy.standing
      ? await proveByVendor(folder, signedBy, options)
      : undefined) ?? (await proveByOne(folder, signedBy, options));
  const from = folder.place(LIST);
  const sha256 = findListed(
    parseChecksumList(list.data, from),
    folder.file,
  )?.sha256;
  if (sha256 === undefined) {
    throw checksumListWrong(
      from,
      `is signed, but has no SHA-256 checksum of ${folder.file}`,
      "an image that was renamed is not listed any more: give it the name that its publisher gave it",
    );
  }
  await demandNewest(folder, list, key, options);
  return { sha256, from: `${from}, signed by ${key.fingerprint}` };
};

/** Whether a list beside a file on this computer names it, which means that somebody has published it. */
const isListed = async (path: string): Promise<boolean> => {
  const list = join(dirname(path), LIST);
  const data = await readPublished(list);
  return (
    data !== undefined &&
    findListed(parseChecksumList(data, list), basename(path)) !== undefined
  );
};

type Demands = {
  readonly sha256?: string | undefined;
  readonly signedBy?: SignedBy | undefined;
};

/**
 * The checksum that the user demands of an image: that of --sha256, the one that a key of `signedBy` vouches for, or both,
 * which must then be equal. Throws WRONG_ARGUMENTS, CHECKSUM_MISMATCH where they differ, and what `signedChecksum` throws.
 *
 * @param image a path, or an http or https address
 */
export const demandedChecksum = async (
  image: string | URL,
  { sha256, signedBy }: Demands,
  options: Options,
): Promise<ExpectedChecksum | undefined> => {
  const given = givenChecksum(sha256);
  if (signedBy === undefined) {
    return given;
  }
  if (
    signedBy.standing &&
    (given !== undefined ||
      (typeof image === "string" && !(await isListed(image))))
  ) {
    return given;
  }
  const folder = publishedFolder(image, options);
  const signed = await signedChecksum(folder, signedBy, options);
  if (given !== undefined) {
    demandChecksums(
      `${basename(typeof image === "string" ? image : image.pathname)} in ${signed.from},`,
      signed.sha256,
      [given],
    );
  }
  return signed;
};
