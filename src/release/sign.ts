// Signs a release's list of checksums with an OpenPGP key, in process.
import * as openpgp from "openpgp";
import { UserError } from "../report/user-error.ts";
import type { Secret } from "../report/secret.ts";

export type Signer = {
  /** An armored detached signature. */
  readonly sign: (data: Uint8Array) => Promise<string>;
  /** The armored public key. */
  readonly publicKey: string;
  readonly fingerprint: string;
};

type SigningKey = {
  /** The armored private key. */
  readonly key: Secret;
  /** Where the key comes from, for messages. */
  readonly from: string;
  readonly passphrase: Secret | undefined;
  readonly now: Date;
};

const unusable = (
  from: string,
  why: string,
  hint: string,
  cause?: unknown,
): UserError =>
  new UserError("SIGNING_KEY_UNUSABLE", `the signing key ${from} ${why}`, {
    state: "nothing was written",
    hint,
    cause,
  });

const readSigningKey = async ({
  key,
  from,
}: SigningKey): Promise<openpgp.PrivateKey> => {
  try {
    return await openpgp.readPrivateKey({ armoredKey: key.reveal() });
  } catch (error) {
    // The library's message is not shown, because it may quote the text, which is the key.
    throw unusable(
      from,
      "is not an armored OpenPGP private key",
      "make one with: gpg --armor --export-secret-keys KEY",
      error instanceof Error ? error.name : undefined,
    );
  }
};

const unlock = async (
  key: openpgp.PrivateKey,
  { passphrase, from }: SigningKey,
): Promise<openpgp.PrivateKey> => {
  if (key.isDecrypted()) {
    return key;
  }
  const hint =
    "put its passphrase into the environment variable PI_IMAGE_SIGNING_PASSPHRASE";
  if (passphrase === undefined) {
    throw unusable(from, "has a passphrase", hint);
  }
  try {
    return await openpgp.decryptKey({
      privateKey: key,
      passphrase: passphrase.reveal(),
    });
  } catch (error) {
    throw unusable(from, "does not open with the passphrase", hint, error);
  }
};

/**
 * Opens the key and makes sure that it may sign now; nothing is signed yet. The signature has the real time and not
 * SOURCE_DATE_EPOCH, because every program refuses a signature that is older than its key.
 *
 * @throws UserError SIGNING_KEY_UNUSABLE
 */
export const openSigner = async (given: SigningKey): Promise<Signer> => {
  const key = await unlock(await readSigningKey(given), given);
  try {
    await key.getSigningKey(undefined, given.now);
  } catch (error) {
    throw unusable(
      given.from,
      "may not sign: it has expired, was revoked or is not made for it",
      "export a key, or a subkey, that signs",
      error,
    );
  }
  return {
    fingerprint: key.getFingerprint().toUpperCase(),
    publicKey: key.toPublic().armor(),
    sign: async (data) => {
      const armored = await openpgp.sign({
        message: await openpgp.createMessage({ binary: data }),
        signingKeys: key,
        detached: true,
        date: given.now,
        format: "armored",
        // Ed25519 and RSA signatures are the same for the same data, unless openpgp adds random notations, which this
        // prevents.
        config: { nonDeterministicSignaturesViaNotation: false },
      });
      return armored.replaceAll("\r\n", "\n");
    },
  };
};
