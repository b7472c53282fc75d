// A Kubernetes manifest as text, and what keeps `kubectl apply` from reading one.
import { isMap, isScalar, LineCounter, parseAllDocuments } from "yaml";

export type Manifest = {
  /** File name on the node; manifests are applied in the order of their names. */
  readonly name: string;
  readonly text: string;
};

/** Bytes. The largest sets of custom resource definitions take a quarter of it; all of it travels in the user-data. */
export const MANIFEST_LIMIT = 4 * 1024 * 1024;

type Mistake = {
  /** Goes on after "the manifest". */
  readonly message: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
};

/** The first thing that is wrong, or undefined for documents that each have an apiVersion and a kind. */
export const findMistake = (text: string): Mistake | undefined => {
  const lines = new LineCounter();
  const mistake = (message: string, offset: number): Mistake => {
    const { line, col } = lines.linePos(offset);
    return { message, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  let objects = 0;
  for (const document of parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
  })) {
    const [error] = document.errors;
    if (error !== undefined) {
      return mistake(`is not YAML: ${error.message}`, error.pos[0]);
    }
    const { contents } = document;
    // Comments between two separators are an empty document.
    if (contents === null || (isScalar(contents) && contents.value === null)) {
      continue;
    }
    for (const key of ["apiVersion", "kind"]) {
      const value = isMap(contents) ? contents.get(key) : undefined;
      if (typeof value !== "string" || value === "") {
        return mistake(
          `has a document without ${key}, so it is no object of Kubernetes`,
          contents.range[0],
        );
      }
    }
    objects += 1;
  }
  return objects === 0 ? mistake("holds no object", 0) : undefined;
};
