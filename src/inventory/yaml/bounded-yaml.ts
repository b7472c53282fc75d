// Parses YAML from files other than the inventory, and avoids what hostile files do to the library: nesting so deep that it
// ends the process, and a comparison of every key with every other.
import {
  type Document,
  type DocumentOptions,
  LineCounter,
  parseAllDocuments,
  type ParseOptions,
  type SchemaOptions,
} from "yaml";
import { tooDeepAt } from "./yaml-nesting.ts";
import { duplicateKeys } from "./yaml-syntax.ts";

type Options = Pick<
  ParseOptions & DocumentOptions & SchemaOptions,
  "schema" | "version"
>;

/** Both count from 1. */
type TokenPlace = { readonly line: number; readonly column: number };

/** The first thing that is wrong; its message may quote the file. */
export type YamlMistake = TokenPlace & { readonly message: string };

type BoundedYaml =
  | {
      /** The documents, free of errors; an empty list for a text without content. */
      readonly documents: readonly Document.Parsed[];
      readonly placeOf: (offset: number) => TokenPlace;
    }
  | { readonly mistake: YamlMistake };

const tooDeep = (text: string, offset: number): YamlMistake => {
  const before = text.slice(0, offset).split("\n");
  return {
    message: "it is nested too deeply for a file of this kind",
    line: before.length,
    column: (before.at(-1)?.length ?? 0) + 1,
  };
};

/** Aliases are not resolved, so whatever turns the documents into plain values has to limit them. */
export const parseBoundedYaml = (
  text: string,
  options: Options = {},
): BoundedYaml => {
  const deep = tooDeepAt(text);
  if (deep !== undefined) {
    return { mistake: tooDeep(text, deep) };
  }
  const lines = new LineCounter();
  const placeOf = (offset: number): TokenPlace => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const documents = parseAllDocuments(text, {
    ...options,
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: "silent",
  });
  for (const document of documents) {
    const [error] = document.errors;
    if (error !== undefined) {
      return { mistake: { message: error.message, ...placeOf(error.pos[0]) } };
    }
    const [twice] = duplicateKeys(document, (from) => ({
      file: "",
      length: 1,
      ...placeOf(from),
    }));
    if (twice?.at !== undefined) {
      const { line, column } = twice.at;
      return { mistake: { message: twice.message, line, column } };
    }
  }
  return { documents, placeOf };
};

/** The same for a text that is one document; `undefined` for one without content. */
export const parseOneBounded = (
  text: string,
  options: Options = {},
):
  | { readonly document: Document.Parsed | undefined }
  | { readonly mistake: YamlMistake } => {
  const parsed = parseBoundedYaml(text, options);
  if ("mistake" in parsed) {
    return parsed;
  }
  const [document, second] = parsed.documents;
  return second === undefined
    ? { document }
    : {
        mistake: {
          message: "it holds more than one document",
          ...parsed.placeOf(second.range[0]),
        },
      };
};
