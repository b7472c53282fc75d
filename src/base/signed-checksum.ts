// The checksum of an image in a list that a key has signed which the user names: --signed-by.
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { ifOneOf } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { writeFileAtomically } from "../system/atomic-file.ts";
import { readIfThere } from "../system/read-if-there.ts";
import { downloadOptions, type ResolveOptions } from "./base-request.ts";
import { readPublished } from "./beside-file.ts";
import { cachePath } from "./cache.ts";
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
import { decodePercent } from "./decode-percent.ts";
import { demandNotOlder } from "./demand-newer.ts";
import { fetchSmall } from "./fetch-small.ts";
import { parseFingerprint } from "./fingerprint.ts";
import { shownUrl } from "./http-request.ts";
import { NetworkFailure } from "./network-failure.ts";
import { keptKey } from "./pinned-key.ts";
import { readKey, RevokedKey, WrongKey } from "./read-key.ts";
import { LIST, SIGNATURE } from "./release-list.ts";
import {
  ofSignatureBeside,
  type PinnedKey,
  verifySignature,
} from "./signature.ts";

const OPTION = "--signed-by";

/** As `release` publishes the key; the fingerprint says whether it is the right one. */
const KEY = "signing-key.asc";

const MAX_SIZE = 1024 * 1024;

type Options = Omit<ResolveOptions, "catalogue">;

const state = "nothing was written";

/** The folder of an image, here or on a server. */
type Folder = {
  /** The image's name in the list. */
  readonly file: string;
  /** A file of it, for messages. */
  readonly place: (name: string) => string;
  /** Throws NetworkFailure "refused" where it has no such file, here as well. */
  readonly read: (name: string) => Promise<Buffer>;
};

const localFolder = (path: string): Folder => {
  const place = (name: string) => join(dirname(path), name);
  return {
    file: basename(path),
    place,
    read: async (name) => {
      const data = await readPublished(place(name));
      if (data === undefined) {
        throw new NetworkFailure("refused", `${place(name)} does not exist`);
      }
      return data;
    },
  };
};

const servedFolder = (url: URL, options: Options): Folder => ({
  file: decodePercent(basename(url.pathname)),
  place: (name) => shownUrl(new URL(name, url)),
  read: (name) =>
    fetchSmall(new URL(name, url), MAX_SIZE, downloadOptions(options)),
});

const isRefused = (error: unknown): error is NetworkFailure =>
  error instanceof NetworkFailure && error.kind === "refused";

const missing = (
  what: string,
  cause: NetworkFailure,
  hint: string,
): UserError =>
  new UserError(
    "SIGNATURE_MISSING",
    `${OPTION} demands a signature, and ${what} cannot be had: ${cause.message}`,
    { state, hint, cause },
  );

const keyWrong = (place: string, cause: WrongKey): UserError =>
  new UserError(
    "KEY_WRONG",
    `${place} is not the key that ${OPTION} names: it ${cause.message}`,
    {
      state,
      hint:
        cause instanceof RevokedKey
          ? "do not use this image: its publisher has taken the key back; look for a new key where you found the fingerprint"
          : "compare the fingerprint with the one that the publisher shows in another place; if that one is right, do not use this image",
      cause,
    },
  );

/** The key that lies beside the list, else the one that an earlier run has kept. */
const loadKey = async (
  { place, read }: Folder,
  fingerprint: string,
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
        "the key to check it with",
        error,
        `put the publisher's public key there, in ASCII armour: gpg --armor --export ${fingerprint}`,
      );
    }
    throw error instanceof WrongKey ? keyWrong(place(KEY), error) : error;
  }
};

type ProvenList = { readonly data: Buffer; readonly signed: Date };

const proveList = async (
  { place, read }: Folder,
  key: PinnedKey,
): Promise<ProvenList> => {
  const from = place(LIST);
  const hint = `get ${LIST} and ${SIGNATURE} from whoever published the image, or leave ${OPTION} out to do without a proof of who made it`;
  const readOf = (name: string): Promise<Buffer> =>
    read(name).catch((error: unknown) => {
      throw isRefused(error)
        ? missing(`the one of ${LIST}`, error, hint)
        : error;
    });
  const data = await readOf(LIST);
  const signature = await readOf(SIGNATURE);
  try {
    const now = new Date();
    return {
      data,
      signed: await verifySignature({ data, signature, from, now }, key),
    };
  } catch (error) {
    throw ofSignatureBeside(
      error,
      `get ${LIST} and ${SIGNATURE} again from whoever published the image; if this persists, do not use the image`,
    );
  }
};

const recordSchema = z.strictObject({
  file: z.string(),
  /** When the newest list with it was signed. */
  signed: z.iso.datetime(),
});

/** Refuses a list that is older than the newest one with this image that was seen, and remembers this one. */
const demandNewest = async (
  { file, place }: Folder,
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

/**
 * What the list beside the image says of it, when the key with this fingerprint has signed the list. Throws
 * SIGNATURE_MISSING, SIGNATURE_WRONG, KEY_WRONG, BASE_TURNED_BACK, CHECKSUM_LIST_WRONG and NetworkFailure.
 *
 * @param image a path, or an http or https address
 */
const signedChecksum = async (
  image: string | URL,
  fingerprint: string,
  options: Options,
): Promise<ExpectedChecksum> => {
  const folder =
    typeof image === "string"
      ? localFolder(image)
      : servedFolder(image, options);
  const key = await loadKey(folder, fingerprint, options);
  const proven = await proveList(folder, key).catch((error: unknown) => {
    if (!(error instanceof UserError) || error.code !== "SIGNATURE_WRONG") {
      throw error;
    }
    // Whoever publishes may have changed the list between the two reads.
    return proveList(folder, key);
  });
  const from = folder.place(LIST);
  const sha256 = findListed(
    parseChecksumList(proven.data, from),
    folder.file,
  )?.sha256;
  if (sha256 === undefined) {
    throw checksumListWrong(
      from,
      `is signed, but has no SHA-256 checksum of ${folder.file}`,
      "an image that was renamed is not listed any more: give it the name that its publisher gave it",
    );
  }
  await demandNewest(folder, proven, key, options);
  return { sha256, from: `${from}, signed by ${fingerprint}` };
};

type Demands = {
  readonly sha256?: string | undefined;
  /** As the user wrote the fingerprint. */
  readonly signedBy?: string | undefined;
};

/**
 * What the user demands of an image: the checksum of --sha256, the one that the key of --signed-by vouches for, or one
 * that is both. Throws WRONG_ARGUMENTS, CHECKSUM_MISMATCH where they differ, and what `signedChecksum` throws.
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
  const fingerprint = parseFingerprint(signedBy, OPTION);
  const signed = await signedChecksum(image, fingerprint, options);
  if (given !== undefined) {
    demandChecksums(
      `${basename(typeof image === "string" ? image : image.pathname)} in ${signed.from},`,
      signed.sha256,
      [given],
    );
  }
  return signed;
};
