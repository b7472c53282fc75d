// Verifies a detached OpenPGP signature of a list or a file against one pinned key, without needing gpg on this computer.
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type * as OpenPgp from "openpgp";
import { ifOneOf } from "../../report/expected-failure.ts";
import { UserError } from "../../report/user-error.ts";

export type PinnedKey = {
  /** Armored public key. */
  readonly armored: string;
  /** The primary key's fingerprint, in capitals without spaces. */
  readonly fingerprint: string;
};

type Signature = {
  /** Binary or armored; it may hold several signatures. */
  readonly signature: Uint8Array;
  /** What is signed, for messages. */
  readonly from: string;
  readonly now: Date;
};

type Signed = Signature & { readonly data: Uint8Array };

const signatureWrong = (from: string, why: string, cause?: unknown) =>
  new UserError("SIGNATURE_WRONG", `the signature of ${from} ${why}`, {
    facts: cause instanceof Error ? [cause.message] : [],
    state: "nothing was kept on the word of this server",
    hint: "try again later or on another network; if this persists, do not use this server's images",
    cause,
  });

/**
 * Turns the failure of a signature beside an image into an error that says how to get the file again; other failures stay as
 * they are.
 */
export const ofSignatureBeside = (error: unknown, hint: string): unknown =>
  error instanceof UserError && error.code === "SIGNATURE_WRONG"
    ? new UserError(error.code, error.message, {
        facts: error.facts,
        state: "nothing was written",
        hint,
        cause: error,
      })
    : error;

/** The types of signatures over binary data and over text. https://www.rfc-editor.org/rfc/rfc9580#section-5.2.1 */
const DATA_TYPES: ReadonlySet<number | null> = new Set([0x00, 0x01]);

/** Loaded on demand: it is the largest of our libraries, and few commands need it. */
const loadOpenPgp = () => import("openpgp");

const ARMOR = "-----BEGIN PGP SIGNATURE-----";

const readSignature = async ({
  signature,
  from,
}: Signature): Promise<OpenPgp.Signature> => {
  const openpgp = await loadOpenPgp();
  try {
    const text = Buffer.from(signature).toString("latin1");
    return text.trimStart().startsWith(ARMOR)
      ? await openpgp.readSignature({ armoredSignature: text })
      : await openpgp.readSignature({ binarySignature: signature });
  } catch (error) {
    throw signatureWrong(from, "cannot be read", error);
  }
};

const readPinnedKey = async (pinned: PinnedKey): Promise<OpenPgp.Key> => {
  const openpgp = await loadOpenPgp();
  const key = await openpgp.readKey({ armoredKey: pinned.armored });
  if (key.getFingerprint().toUpperCase() !== pinned.fingerprint) {
    throw new Error(
      `the key that is carried has the fingerprint ${key.getFingerprint()}, not ${pinned.fingerprint}`,
    );
  }
  return key;
};

type Verified = Awaited<ReturnType<typeof OpenPgp.verify>>["signatures"];

/** When the latest of the good signatures was made. Throws SIGNATURE_WRONG unless one is good. */
const demandGood = async (
  signatures: Verified,
  { from, now }: Signature,
  key: OpenPgp.Key,
): Promise<Date> => {
  const failures: unknown[] = [];
  const times: number[] = [];
  for (const each of signatures) {
    try {
      // Signatures of other types cover a key or nothing at all, but not the bytes.
      const { packets } = await each.signature;
      const types = packets.map((packet) => packet.signatureType);
      if (
        (await each.verified) &&
        types.every((type) => DATA_TYPES.has(type))
      ) {
        // openpgp only checks that the key was valid at the time that the signature claims, and whoever has the key can
        // claim any time.
        await key.getSigningKey(each.keyID, now);
        times.push(...packets.map(({ created }) => created?.getTime() ?? 0));
      }
    } catch (error) {
      failures.push(error);
    }
  }
  if (times.length > 0) {
    return new Date(Math.max(...times));
  }
  throw signatureWrong(
    from,
    `is not a valid one of the key ${key.getFingerprint().toUpperCase()}`,
    failures[0],
  );
};

/**
 * When the list was signed. Throws SIGNATURE_WRONG unless one of the signatures is valid at `now` and made by the pinned key. A signature of
 * another key, however valid, one that has expired or whose key has, and one over SHA-1 or MD5 (which openpgp refuses) do
 * not count.
 */
export const verifySignature = async (
  signed: Signed,
  pinned: PinnedKey,
): Promise<Date> => {
  const openpgp = await loadOpenPgp();
  const key = await readPinnedKey(pinned);
  const signature = await readSignature(signed);
  const { signatures } = await openpgp.verify({
    message: await openpgp.createMessage({ binary: signed.data }),
    signature,
    verificationKeys: key,
    date: signed.now,
    format: "binary",
  });
  return demandGood(signatures, signed, key);
};

/** openpgp hashes a copy of the stream, and nothing moves unless that copy is read to its end. */
const drain = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
  const reader = stream.getReader();
  while (!(await reader.read()).done) {
    // The data itself is not needed here.
  }
};

const READ_SIZE = 1024 * 1024;

/** The same for a file of any size; errors from reading the file are thrown as they are. */
export const verifyFileSignature = async (
  path: string,
  signed: Signature,
  pinned: PinnedKey,
): Promise<Date> => {
  const openpgp = await loadOpenPgp();
  const key = await readPinnedKey(pinned);
  const signature = await readSignature(signed);
  const file = createReadStream(path, { highWaterMark: READ_SIZE });
  try {
    const { signatures, data } = await openpgp.verify({
      message: await openpgp.createMessage({ binary: Readable.toWeb(file) }),
      signature,
      verificationKeys: key,
      date: signed.now,
      format: "binary",
    });
    const [signedAt] = await Promise.all([
      demandGood(signatures, signed, key),
      drain(data as ReadableStream<Uint8Array>),
    ]);
    return signedAt;
  } finally {
    file.destroy();
  }
};

const CLEAR_SIGNED =
  /^-----BEGIN PGP SIGNED MESSAGE-----\r?\n[^]*\n-----END PGP SIGNATURE-----\s*$/;

/**
 * The text of a clear-signed file, without anything that is not signed. Throws SIGNATURE_WRONG unless one of the pinned keys
 * has signed it.
 */
export const verifyClearSigned = async (
  { data, from, now }: Omit<Signed, "signature">,
  pinned: readonly PinnedKey[],
): Promise<string> => {
  const openpgp = await loadOpenPgp();
  const armored = Buffer.from(data).toString("utf8");
  // Other readers take what stands around the block for a part of the file.
  if (
    !CLEAR_SIGNED.test(armored) ||
    armored.split(/^-----BEGIN PGP SIGNED MESSAGE-----/m).length !== 2
  ) {
    throw signatureWrong(from, "is not around the whole file");
  }
  const message = await openpgp
    .readCleartextMessage({ cleartextMessage: armored })
    .catch((error: unknown) => {
      throw ifOneOf(
        error,
        // The library throws plain errors.
        [Error],
        signatureWrong(from, "cannot be read", error),
      );
    });
  let failure: unknown;
  for (const each of pinned) {
    const key = await readPinnedKey(each);
    const { signatures } = await openpgp.verify({
      message,
      verificationKeys: key,
      date: now,
    });
    try {
      await demandGood(signatures, { signature: data, from, now }, key);
      return message.getText();
    } catch (error) {
      failure ??= ifOneOf(error, [UserError], error);
    }
  }
  throw failure ?? new Error("no key is pinned");
};
