// Looks for secrets in the files that pi-image itself puts onto a role image, packed ones included.
import { gunzipSync } from "node:zlib";
import { parseAllDocuments } from "yaml";
import { ifOneOf } from "../report/expected-failure.ts";
import { findSecrets, type KnownSecret, type Match } from "./find-secrets.ts";

export type SecretFinding = {
  readonly kind: string;
  /** `<file>:<line>`, `<file>:<line>:<column>` or `byte:<offset>`: the value for --not-secret, unique to one finding. */
  readonly place: string;
};

const LONGEST_TEXT = 64 * 1024 * 1024;

const NOT_UNPACKED = ["Z_DATA_ERROR", "Z_BUF_ERROR", "ERR_BUFFER_TOO_LARGE"];

const unpack = (encoding: string, content: string): Buffer | undefined => {
  try {
    const bytes = /b64|base64/.test(encoding)
      ? Buffer.from(content, "base64")
      : Buffer.from(content, "latin1");
    return /gz/.test(encoding)
      ? gunzipSync(bytes, { maxOutputLength: LONGEST_TEXT })
      : bytes;
  } catch (error) {
    // What cannot be unpacked here, cloud-init could not unpack either.
    return ifOneOf(error, NOT_UNPACKED, undefined);
  }
};

/** The texts embedded in a document, such as parts of an archive and files in any encoding. */
const innerTexts = (value: unknown): readonly Buffer[] => {
  if (Array.isArray(value)) {
    return value.flatMap(innerTexts);
  }
  if (value === null || typeof value !== "object") {
    return [];
  }
  const fields = Object.entries(value);
  const field = (name: string): unknown =>
    fields.find(([key]) => key === name)?.[1];
  const content = field("content");
  const encoding = field("encoding");
  const own =
    typeof content === "string"
      ? unpack(typeof encoding === "string" ? encoding : "", content)
      : undefined;
  return [
    ...(own === undefined ? [] : [own]),
    ...fields.flatMap(([, inner]) => innerTexts(inner)),
  ];
};

const parse = (text: string): readonly unknown[] => {
  const documents = parseAllDocuments(text, { logLevel: "silent" });
  return "empty" in documents
    ? []
    : documents.flatMap((document) => {
        try {
          return [document.toJS() as unknown];
        } catch (error) {
          // The library has no error class of its own for a document that it cannot convert.
          return ifOneOf(error, [Error], []);
        }
      });
};

/** The line, and for a second secret on a line the column as well; both count from 1. */
const placesOf = (bytes: Buffer, matches: readonly Match[]): string[] => {
  const told = new Set<number>();
  return matches.map(({ offset }) => {
    const before = bytes.subarray(0, offset).toString("latin1").split("\n");
    const line = before.length;
    const place = told.has(line)
      ? `${line}:${(before.at(-1) ?? "").length + 1}`
      : `${line}`;
    told.add(line);
    return place;
  });
};

const DEEPEST = 4;

const scanText = (
  file: string,
  bytes: Buffer,
  known: readonly KnownSecret[],
  depth: number,
): readonly SecretFinding[] => {
  const matches = findSecrets(bytes, known);
  const places = placesOf(bytes, matches);
  return [
    ...matches.map(({ kind }, index) => ({
      kind,
      place: `${file}:${places[index]}`,
    })),
    ...(depth === DEEPEST
      ? []
      : parse(bytes.toString("utf8"))
          .flatMap(innerTexts)
          .flatMap((inner, index) =>
            scanText(`${file}/${index + 1}`, inner, known, depth + 1),
          )),
  ];
};

/** @param texts by the name of their file */
export const scanTexts = (
  texts: ReadonlyMap<string, string>,
  known: readonly KnownSecret[],
): readonly SecretFinding[] =>
  [...texts].flatMap(([file, text]) =>
    scanText(file, Buffer.from(text), known, 0),
  );
