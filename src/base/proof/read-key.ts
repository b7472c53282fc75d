// Judges a key that a server gives: it must be the pinned one and alone in its file. Also tells how long it is valid.
import type { Key } from "openpgp";
import { ifOneOf } from "../../report/expected-failure.ts";

export type ServedKey = {
  /** The key that was judged, written anew as ASCII armour, without anything that the server sent around it or in it. */
  readonly text: string;
  /** In capitals. */
  readonly fingerprint: string;
  /** Undefined for a key that does not expire. */
  readonly expires: Date | undefined;
};

/** The text is not the wanted key; the message says what it is instead, and follows "it". */
export class WrongKey extends Error {
  override readonly name = "WrongKey";
}

/** The wanted key, but revoked for good by its owner's signature. `text` is as in ServedKey. */
export class RevokedKey extends WrongKey {
  readonly text: string;

  constructor(text: string) {
    super("is revoked");
    this.text = text;
  }
}

const BLOCK =
  /^-----BEGIN PGP PUBLIC KEY BLOCK-----[ \t]*\r?\n.*?^-----END PGP PUBLIC KEY BLOCK-----/ms;

/** The beginning of any kind of armour, including forms that only a lenient reader accepts. */
const ANY_BEGIN = /-\s*BEGIN PGP/gi;

/** Text around a block is a remark; OpenPGP packets, which begin with a byte above 0x7f, are not. */
const REMARK = /^[\t\r\n\x20-\x7e]*$/;

/** The block, which must be the only one: apt trusts every key in the file, and reads it with a different parser. */
const onlyBlock = (text: string): string => {
  const block = BLOCK.exec(text)?.[0];
  if (block === undefined) {
    throw new WrongKey("is not an ASCII-armoured OpenPGP key");
  }
  if ((text.match(ANY_BEGIN) ?? []).length !== 1) {
    throw new WrongKey("holds more than one block of OpenPGP data");
  }
  if (!REMARK.test(text.replace(block, ""))) {
    throw new WrongKey("holds other bytes around the key");
  }
  return block;
};

const parse = async (block: string): Promise<Key> => {
  // Loaded on demand: it is the largest of our libraries, and few commands need it.
  const { readKeys } = await import("openpgp");
  let keys: Key[];
  try {
    keys = await readKeys({ armoredKeys: block });
  } catch (error) {
    // The library throws plain errors.
    throw ifOneOf(
      error,
      [Error],
      new WrongKey("cannot be read as an OpenPGP key"),
    );
  }
  const [key, another] = keys;
  if (key === undefined || another !== undefined) {
    throw new WrongKey("holds more than one key");
  }
  if (key.isPrivate()) {
    throw new WrongKey("holds a private key");
  }
  return key;
};

/** Leaves out subkeys that the key itself does not vouch for now, because anybody can append one. */
const writeAnew = async (key: Key): Promise<string> => {
  const kept = key.toPublic();
  const vouched = await Promise.all(
    kept.subkeys.map((subkey) =>
      subkey.verify().then(
        () => true,
        // The library throws plain errors.
        (error: unknown) => ifOneOf(error, [Error], false),
      ),
    ),
  );
  kept.subkeys = kept.subkeys.filter((_, index) => vouched[index]);
  return kept.armor().replaceAll("\r\n", "\n");
};

/**
 * The wanted key, which may have expired. Throws WrongKey for any other key or if there is more than one, and RevokedKey if
 * its owner has revoked it.
 *
 * @param fingerprint of the primary key, in capitals without spaces
 */
export const readKey = async (
  text: string,
  fingerprint: string,
): Promise<ServedKey> => {
  const block = onlyBlock(text);
  const key = await parse(block);
  const found = key.getFingerprint().toUpperCase();
  if (found !== fingerprint) {
    throw new WrongKey(`has the fingerprint ${found}, not ${fingerprint}`);
  }
  const written = await writeAnew(key);
  if (await key.isRevoked()) {
    throw new RevokedKey(written);
  }
  const end = await key.getExpirationTime();
  if (end === null) {
    throw new WrongKey("has no valid signature of its own");
  }
  return {
    text: written,
    fingerprint,
    expires: end instanceof Date ? end : undefined,
  };
};
