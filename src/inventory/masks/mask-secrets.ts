// Hides secrets written into a file before lines of the file, or messages about it, are shown.
import { Lexer, type Document, visit } from "yaml";
import { type TextSpan, secretForms, hasSecretForm } from "./secret-forms.ts";
import { secretLines } from "./secret-lines.ts";
import { secretTree } from "./secret-tree.ts";
import { forgetVerdicts } from "./secret-keys.ts";
import { redactor } from "./redact.ts";
import type { YamlFile } from "../yaml/yaml-file.ts";

// Texts of a broken document that look like secrets once YAML's escapes are resolved, as they are in the parser's messages.

type SecretScalar = {
  readonly range: TextSpan;
  readonly secret: string;
};

const secretScalars = (
  document: Document | undefined,
): readonly SecretScalar[] => {
  const found: SecretScalar[] = [];
  if (document !== undefined) {
    visit(document, {
      Scalar(_, { value, range }) {
        if (typeof value === "string" && range && hasSecretForm(value)) {
          found.push({ range: [range[0], range[1]], secret: value });
        }
      },
    });
  }
  return found;
};

export type Masked = {
  /** The text with asterisks in place of every secret; lines and columns stay the same. */
  readonly shown: string;
  /** The same for a message, a label or a hint. */
  readonly redact: (message: string) => string;
};

const stars = (text: string): string => text.replaceAll(/[^\r\n]/g, "*");

const blanks = (text: string): string => text.replaceAll(/[^\r\n]/g, " ");

/** Marks that the lexer adds for a document, the end of a flow collection and a scalar; they are not part of the text. */
const MARKS: ReadonlySet<string> = new Set(["\u0002", "\u0018", "\u001F"]);

const commentsOf = (text: string): readonly TextSpan[] => {
  const comments: TextSpan[] = [];
  let offset = 0;
  let before = "";
  for (const token of new Lexer().lex(text)) {
    if (!MARKS.has(token)) {
      if (token.startsWith("#") && before !== "\u001F") {
        comments.push([offset, offset + token.length]);
      }
      offset += token.length;
    }
    before = token;
  }
  return comments;
};

/** Blank, but a line that held something ends what a comment before it began: nothing of the document is its value. */
const blankCode = (code: string): string =>
  code.replaceAll(/[^\r\n]+/g, (line) =>
    /\S/.test(line) ? `.${blanks(line).slice(1)}` : line,
  );

/** The text with everything but its comments blanked, so that commented-out secrets are found like any others. */
const onlyComments = (text: string, comments: readonly TextSpan[]): string => {
  let rest = "";
  let done = 0;
  for (const [from, to] of comments) {
    rest += blankCode(text.slice(done, from));
    rest += text.slice(from, to).replace(/^#+/, blanks);
    done = to;
  }
  return rest + blankCode(text.slice(done));
};

/** A comment on the line of a secret, or of a reference to one, often is the secret itself. */
const besideSecrets = (
  text: string,
  comments: readonly TextSpan[],
  ranges: readonly TextSpan[],
): readonly TextSpan[] => {
  const lineOf = (offset: number): number =>
    text.lastIndexOf("\n", offset - 1) + 1;
  const lines = new Set(
    ranges.flatMap(([from, to]) => [lineOf(from), lineOf(to)]),
  );
  return comments.filter(([from]) => lines.has(lineOf(from)));
};

/** The text at the anchor that `password: *there` refers to, for broken files in which no tree can resolve it. */
const anchoredLines = (
  text: string,
  secrets: readonly string[],
): readonly TextSpan[] =>
  secrets.slice(0, MOST_REPEATED).flatMap((secret) => {
    const name = /^\*([^\s,\]}]+)/.exec(secret)?.[1];
    const at = name === undefined ? -1 : text.indexOf(`&${name} `);
    const end = text.indexOf("\n", at);
    return name === undefined || at === -1
      ? []
      : [[at + name.length + 2, end === -1 ? text.length : end] as const];
  });

/** Shorter secrets would be found inside ordinary words. */
const LEAST_REPEATED = 6;
const MOST_REPEATED = 50;

/** Every other place where the same secret stands. */
const repeated = (
  text: string,
  secrets: readonly string[],
): readonly TextSpan[] =>
  [...new Set(secrets)]
    .filter((secret) => secret.length >= LEAST_REPEATED)
    .slice(0, MOST_REPEATED)
    .flatMap((secret) => {
      const ranges: TextSpan[] = [];
      for (
        let at = text.indexOf(secret);
        at !== -1;
        at = text.indexOf(secret, at + secret.length)
      ) {
        ranges.push([at, at + secret.length]);
      }
      return ranges;
    });

const mask = (text: string, ranges: readonly TextSpan[]): string => {
  const parts: string[] = [];
  let done = 0;
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    parts.push(text.slice(done, Math.max(done, from)));
    parts.push(stars(text.slice(Math.max(done, from), Math.max(done, to))));
    done = Math.max(done, to);
  }
  return parts.join("") + text.slice(done);
};

export const maskSecrets = (file: YamlFile, text: string): Masked => {
  forgetVerdicts();
  const { document } = file;
  const whole =
    document === undefined ||
    file.brokenFrom !== undefined ||
    file.data === undefined;
  const found = whole
    ? { ...secretLines(text, true), beside: [] }
    : secretTree(document, text);
  const end = whole ? text.length : (document.range?.[1] ?? text.length);
  const comments = file.document === undefined ? [] : commentsOf(text);
  const others = [
    secretLines(onlyComments(text, comments), false),
    // The tree does not cover a second document in the file.
    secretLines(blanks(text.slice(0, end)) + text.slice(end), true),
  ];
  // Looked for everywhere: under any key, as a key, in an anchor, in a comment.
  const forms = secretForms(text);
  const escaped = whole ? secretScalars(document) : [];
  const anchored = whole ? anchoredLines(text, found.secrets) : [];
  const secrets = [
    ...[found, ...others].flatMap((each) => each.secrets),
    ...escaped.map(({ secret }) => secret),
    ...[...anchored, ...forms].map(([from, to]) => text.slice(from, to).trim()),
  ];
  const shown = mask(text, [
    ...[found, ...others].flatMap(({ ranges }) => ranges),
    ...besideSecrets(text, comments, [...found.ranges, ...found.beside]),
    ...anchored,
    ...forms,
    ...escaped.map(({ range }) => range),
    ...repeated(text, secrets),
  ]);
  return { shown, redact: redactor(secrets) };
};

/** The same for a text that is not an inventory, such as a fragment: only what looks like a secret is hidden. */
export const maskLines = (text: string): string => {
  forgetVerdicts();
  return mask(text, [...secretLines(text, false).ranges, ...secretForms(text)]);
};
