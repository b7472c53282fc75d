// Which keys hold a secret, however they are spelled; the value of such a key is never shown.
import { inventorySchema } from "../schema/cluster-schema.ts";
import { bareKey, SYNONYMS } from "../yaml/synonyms.ts";
import { allKeys } from "../yaml/schema-keys.ts";
import { editDistance } from "../wording.ts";

/** Words that tell anywhere in a key's name: wifiPassword, pass_phrase, PSK. */
const PARTS = [
  "password",
  "passwd",
  "passphrase",
  "passcode",
  "passwort",
  "kennwort",
  "contraseña",
  "contrasena",
  "clave",
  "senha",
  "motdepasse",
  "wachtwoord",
  "heslo",
  "parola",
  "пароль",
  "密码",
  "パスワード",
  "secret",
  "token",
  "credential",
  "pwd",
  "psk",
];

/** Words that tell as a whole name or at the end of one. */
const ENDS = ["pass", "key", "keys", "pin", "pw"];

/** A name that is one or two typing errors away from these counts as well. */
const TYPED = [...PARTS, "pass", "key"];

/** Names of keys whose values are public. */
const PUBLIC =
  /public|^pub|pubkey|sshkey|authorized|knownhost|hostkey|keyid|fingerprint|keymap|keyboard|keyring/;

const SHOWN: ReadonlySet<string> = new Set(
  [...allKeys(inventorySchema), ...SYNONYMS.keys()]
    .filter(
      (name) =>
        !/^(pass|password|passphrase|psk|clientKey|clientKeyPassword)$/.test(
          name,
        ),
    )
    .map(bareKey),
);

/** Keys that are recognised with typing errors: not `ca`, of which every name of a letter or two would be a misspelling. */
const MISSPELT: readonly string[] = [...SHOWN].filter((name) => name !== "ca");

/** How many typing errors a word may have, about one letter in four; with more it is another word. */
const slips = (word: string): number =>
  Math.max(1, Math.floor(word.length / 4));

const near = (name: string, words: Iterable<string>): boolean => {
  for (const word of words) {
    const most = slips(word);
    if (
      Math.abs(word.length - name.length) <= most &&
      editDistance(name, word) <= most
    ) {
      return true;
    }
  }
  return false;
};

/** The most names that are compared: a hostile file may have a hundred thousand, and each is compared with every word. */
const MOST_COMPARED = 2000;

type Verdict = "shown" | "unknown" | "secret";

const verdicts = new Map<string, Verdict>();

/** To be called for each file, so that a file full of names does not use up the limit of the next one. */
export const forgetVerdicts = (): void => {
  verdicts.clear();
};

const judge = (name: string): Verdict => {
  if (SHOWN.has(name) || PUBLIC.test(name)) {
    return "shown";
  }
  if (
    PARTS.some((part) => name.includes(part)) ||
    ENDS.some((end) => name.endsWith(end))
  ) {
    return "secret";
  }
  if (name.length > 24 || verdicts.size > MOST_COMPARED) {
    return "unknown";
  }
  if (name.length > 2 && near(name, TYPED)) {
    return "secret";
  }
  return near(name, MISSPELT) ? "shown" : "unknown";
};

/**
 * "secret": the key looks like one that holds a secret. "shown": a key of the inventory, or one that is nearly spelled like
 * it. "unknown": any other, whose value may be anything.
 */
export const verdictOn = (key: string): Verdict => {
  const name = bareKey(key.slice(0, 256));
  const known = verdicts.get(name);
  const verdict = known ?? judge(name);
  if (known === undefined && verdicts.size <= MOST_COMPARED) {
    verdicts.set(name, verdict);
  }
  return verdict;
};

/** Where the secret begins in `password=hunter2`, or in `password:hunter2` with the space forgotten. */
export const secretInside = (text: string): number | undefined => {
  for (const found of text.matchAll(
    /([\p{L}\p{N}_.-]{2,64})\s*[:=]\s*(?=\S)/gu,
  )) {
    const name = bareKey(found[1] ?? "");
    // config.txt is full of words such as gpiopin=4.
    if (
      !PUBLIC.test(name) &&
      (ENDS.includes(name) ||
        /(?:key|pass)$/.test(name) ||
        PARTS.some((part) => name.includes(part)))
    ) {
      return found.index + found[0].length;
    }
  }
  return undefined;
};
