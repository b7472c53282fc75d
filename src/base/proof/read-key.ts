// Judges a key that a server gives: the pinned one, alone in its file, and how long it is valid.
import type { Key } from "openpgp";
import { ifOneOf } from "../../report/expected-failure.ts";

export type ServedKey = {
  /** The key that was judged, written anew as ASCII armour: nothing of what the server sent around it or in between. */
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

/** The wanted key, with a revocation that its owner has signed: for good. `text` is as in ServedKey. */
export class RevokedKey extends WrongKey {
  readonly text: string;

  constructor(text: string) {
    super("is revoked");
    this.text = text;
  }
}

const BLOCK =
  /^-----BEGIN PGP PUBLIC KEY BLOCK-----[ \t]*\r?\n.*?^-----END PGP PUBLIC KEY BLOCK-----/ms;

/** Any kind of armour, also as a lenient reader might take it. */
const ANY_BEGIN = /-\s*BEGIN PGP/gi;

/** Letters around a block are a remark. OpenPGP packets begin with a byte above 0x7f. */
const REMARK = /^[\t\r\n\x20-\x7e]*$/;

/** The only block. apt trusts every key in the file, and reads it with another parser than this one. */
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
  if (key.isPrivate()) {
    throw new WrongKey("holds a private key");
  }
  return key;
};

/** Without the subkeys that the key itself does not vouch for now: anybody can append one. */
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
 * The key, when it is the wanted one; it may have expired. Throws WrongKey for another one and one with others, and RevokedKey for one that
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
