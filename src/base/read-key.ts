// Judges a key that a server gives: the pinned one, alone in its file, and how long it is valid.
import type { Key } from "openpgp";
import { ifOneOf } from "../report/expected-failure.ts";

export type ServedKey = {
  /** ASCII-armoured, and nothing besides it. */
  readonly text: string;
  /** In capitals. */
  readonly fingerprint: string;
  /** Undefined for a key without an end. */
  readonly expires: Date | undefined;
};

/** What the text is instead of the wanted key; goes on after "it". */
export class WrongKey extends Error {
  override readonly name = "WrongKey";
}

const BLOCK =
  /-----BEGIN PGP PUBLIC KEY BLOCK-----.*?-----END PGP PUBLIC KEY BLOCK-----/gs;

/** The only armoured block. apt trusts every key in the file, so that it may hold no other. */
const onlyBlock = (text: string): string => {
  const [block, another] = text.match(BLOCK) ?? [];
  if (block === undefined) {
    throw new WrongKey("is not an ASCII-armoured OpenPGP key");
  }
  if (another !== undefined) {
    throw new WrongKey("holds more than one key");
  }
  return block;
};

const parse = async (block: string): Promise<Key> => {
  // The largest of all libraries, which few commands need.
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
  return key;
};

/**
 * The key, when it is the wanted one; it may have expired. Throws WrongKey for another one, one with others, and one that
 * its owner has revoked.
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
  if (await key.isRevoked()) {
    throw new WrongKey("is revoked");
  }
  const end = await key.getExpirationTime();
  if (end === null) {
    throw new WrongKey("has no valid signature of its own");
  }
  return {
    text: `${block.replaceAll("\r\n", "\n")}\n`,
    fingerprint,
    expires: end instanceof Date ? end : undefined,
  };
};
