// Encrypts and decrypts the secrets file with age, in the form that the age program writes and reads.
// https://github.com/C2SP/C2SP/blob/main/age.md
import { ifOneOf } from "../../report/expected-failure.ts";
import type { Secret } from "../../report/secret.ts";
import { UserError } from "../../report/user-error.ts";
import { secretsDamaged } from "./secrets-document.ts";

const ARMOR = "-----BEGIN AGE ENCRYPTED FILE-----";
const BINARY = "age-encryption.org/v1";

/** Loaded on first use, because loading takes 90 ms and most secrets files are not encrypted. */
const loadAge = () => import("age-encryption");

const startsWith = (data: Uint8Array, text: string): boolean =>
  Buffer.from(data.subarray(0, text.length)).toString("latin1") === text;

/** Whether these are the bytes of an age file, armored or not. */
export const isEncrypted = (data: Uint8Array): boolean =>
  startsWith(data, ARMOR) || startsWith(data, BINARY);

/** @throws UserError AGE_RECIPIENT_WRONG */
const encrypterFor = async (recipients: readonly string[]) => {
  const { Encrypter } = await loadAge();
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch (error) {
      // Someone may have typed the secret identity instead, so the value is only repeated if it is a public one.
      const shown = recipient.startsWith("age1") ? ` ${recipient}` : "";
      throw ifOneOf(
        error,
        [Error],
        new UserError(
          "AGE_RECIPIENT_WRONG",
          `the recipient${shown} is not a public key of age`,
          {
            hint: "a recipient begins with age1 and is printed by: age-keygen -y IDENTITY_FILE",
          },
        ),
      );
    }
  }
  return encrypter;
};

/**
 * The text as an armored age file that each of these recipients can open.
 *
 * @throws UserError AGE_RECIPIENT_WRONG
 */
export const encryptText = async (
  text: string,
  recipients: readonly string[],
): Promise<string> => {
  const { armor } = await loadAge();
  const encrypter = await encrypterFor(recipients);
  return armor.encode(await encrypter.encrypt(text));
};

/**
 * The same for bytes that need not fit into memory; the age file is not armored.
 *
 * @throws UserError AGE_RECIPIENT_WRONG
 */
export const encryptStream = async (
  data: AsyncIterable<Uint8Array>,
  recipients: readonly string[],
): Promise<AsyncIterable<Uint8Array>> => {
  const encrypter = await encrypterFor(recipients);
  return encrypter.encrypt(
    // The types of Node and of the web differ in name only.
    ReadableStream.from(data) as ReadableStream<Uint8Array<ArrayBuffer>>,
  );
};

const unusable = (path: string, why: string): UserError =>
  new UserError("AGE_IDENTITY_UNUSABLE", `${path} is encrypted, and ${why}`, {
    hint: "name the file with the right identity by --identity FILE or PI_IMAGE_AGE_IDENTITY",
    state: "the secrets file is unchanged",
  });

const decrypterWith = async (identities: readonly Secret[], path: string) => {
  const { Decrypter } = await loadAge();
  const decrypter = new Decrypter();
  for (const identity of identities) {
    try {
      decrypter.addIdentity(identity.reveal());
    } catch (error) {
      throw ifOneOf(
        error,
        [Error],
        unusable(
          path,
          "the identity file has a line that is not an identity of age (plugins and passphrases are not supported)",
        ),
      );
    }
  }
  return decrypter;
};

/**
 * The bytes of an age file, opened with the first identity that fits; for files that need not fit into memory.
 *
 * @param damaged the error for a file that is cut short or altered
 * @throws UserError AGE_IDENTITY_UNUSABLE; while it is read, what `damaged` gives
 */
export const decryptStream = async function* (
  data: AsyncIterable<Uint8Array>,
  identities: readonly Secret[],
  path: string,
  damaged: () => Error,
): AsyncGenerator<Uint8Array> {
  const decrypter = await decrypterWith(identities, path);
  try {
    yield* await decrypter.decrypt(
      ReadableStream.from(data) as ReadableStream<Uint8Array<ArrayBuffer>>,
    );
  } catch (error) {
    throw error instanceof Error && error.message.startsWith("no identity")
      ? unusable(path, "no identity in the identity file opens it")
      : damaged();
  }
};

/**
 * The text of an age file, opened with the first identity that fits.
 *
 * @param identities lines `AGE-SECRET-KEY-...`
 * @param path of the age file, for messages only
 * @throws UserError AGE_IDENTITY_UNUSABLE, SECRETS_DAMAGED
 */
export const decryptText = async (
  data: Uint8Array,
  identities: readonly Secret[],
  path: string,
): Promise<string> => {
  const { armor } = await loadAge();
  const decrypter = await decrypterWith(identities, path);
  try {
    const binary = startsWith(data, ARMOR)
      ? armor.decode(Buffer.from(data).toString("utf8"))
      : data;
    return await decrypter.decrypt(binary, "text");
  } catch (error) {
    // The library has no error codes; this is the one message that is not about a damaged file.
    if (error instanceof Error && error.message.startsWith("no identity")) {
      throw unusable(path, "no identity in the identity file opens it");
    }
    throw secretsDamaged(path, ["the encrypted file is cut short or altered"]);
  }
};
