// Takes secrets out of messages, in every form in which a message may quote them.
import { quoted } from "../wording.ts";

/** Shorter secrets are replaced only in quotes: hiding them inside other words would reveal more than it hides. */
const LEAST = 4;

/** The shortest part of a secret that is looked for by itself, as a parser may quote only a part. */
const LEAST_PART = 6;

/** The shortest piece of a secret that is also recognised in another case or with other punctuation. */
const LEAST_PIECE = 10;
const PIECE = /[\p{L}\p{N}][\p{L}\p{N}._-]*/gu;

const bare = (text: string): string =>
  text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");

/** The most secrets that are looked for: each costs time in every message, and a hostile file may have many. */
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

/** Words of our own messages, which stay readable even where one of them happens to be a secret. */
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
  /** Hides secrets that a suggestion quotes cut short, in lower case or with dashes: `homelab-x` for "Homelab X". */
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
