// Takes secrets out of messages, in the forms in which a message may have them.
import { quoted } from "../wording.ts";

/** Shorter ones only in quotes: as parts of other words they would say more than they hide. */
const LEAST = 4;

/** Parts of a secret that a parser may name. */
const LEAST_PART = 6;

/** A piece of a secret in other letters. */
const LEAST_PIECE = 10;
const PIECE = /[\p{L}\p{N}][\p{L}\p{N}._-]*/gu;

const bare = (text: string): string =>
  text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");

/** A file has few; a hostile one has many, and each is looked for in each message. */
const MOST = 500;

const parts = (secret: string): readonly string[] =>
  secret
    .split(/[\s,{}[\]"'`]+/)
    .map((part) => part.replace(/^[|>*&!%@#:=-]+/, ""))
    .filter((part) => part.length >= LEAST_PART);

const forms = (secret: string): readonly string[] => {
  const plain = secret
    .replace(/^[|>*&!%@]+/, "")
    .replace(/^(["'])(.*)\1$/s, "$2");
  const whole = [secret, plain].flatMap((text) => {
    const inQuotes = quoted(text).slice(1, -1);
    return [
      text,
      inQuotes,
      inQuotes.replace(/…$/, ""),
      JSON.stringify(text).slice(1, -1),
    ];
  });
  return [...whole, ...parts(secret)];
};

/** Words of ours, which a secret may be by chance. */
const WORDS = new Set([
  "password",
  "secret",
  "token",
  "prompt",
  "inventory",
  "network",
  "string",
  "number",
]);

export const redactor = (
  secrets: readonly string[],
): ((message: string) => string) => {
  const all = [...new Set(secrets.slice(0, MOST).flatMap(forms))]
    .filter((form) => form.trim() !== "" && !WORDS.has(form))
    .toSorted((one, other) => other.length - one.length);
  const bareSecrets = secrets.slice(0, MOST).map(bare);
  /** Cut short, in lower case or with dashes, as a suggestion has it: `homelab-x` for "Homelab X". */
  const withoutPieces = (text: string): string =>
    text.replaceAll(PIECE, (piece) => {
      const name = bare(piece);
      return name.length >= LEAST_PIECE &&
        !WORDS.has(name) &&
        bareSecrets.some((secret) => secret.includes(name))
        ? "***"
        : piece;
    });
  return (message) => {
    let text = message;
    for (const form of all) {
      if (form.length >= LEAST) {
        text = text.replaceAll(form, "***");
      } else {
        text = text.replaceAll(`"${form}"`, `"***"`);
      }
    }
    return withoutPieces(text);
  };
};
