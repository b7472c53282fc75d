// Reads one fragment or network document and reports everything that is wrong with it.
import type { Problem } from "../../report/problem.ts";
import { parseTree } from "./parse-tree.ts";
import type { MapTree } from "./tree.ts";

type ParsedFragment = {
  readonly value: MapTree | undefined;
  readonly problems: readonly Problem[];
};

/** The first line, by which cloud-init recognises the format. */
export const FRAGMENT_HEADER = "#cloud-config";

/** `file` is the name that problems show. A fragment must be a whole cloud-config document. */
export const parseFragment = (text: string, file: string): ParsedFragment => {
  const first = text.slice(0, text.indexOf("\n") + 1 || undefined).trimEnd();
  if (first !== FRAGMENT_HEADER) {
    return {
      value: undefined,
      problems: [
        {
          code: "FRAGMENT_HEADER",
          severity: "error",
          message: `the first line is not ${FRAGMENT_HEADER}`,
          at: { file, line: 1, column: 1, length: Math.max(1, first.length) },
          hint: `every fragment is a cloud-config document of its own: start it with ${FRAGMENT_HEADER}`,
        },
      ],
    };
  }
  return parseNetwork(text, file);
};

/** A network document is YAML without a header line. */
export const parseNetwork = (text: string, file: string): ParsedFragment => {
  const { tree, problems } = parseTree(text, file);
  if (tree?.kind === "map" || problems.length > 0) {
    return { value: tree?.kind === "map" ? tree : undefined, problems };
  }
  return {
    value: undefined,
    problems: [
      {
        code: "FRAGMENT_SHAPE",
        severity: "error",
        message: "there are no keys at the top of this file",
        at: tree?.at ?? { file, line: 1, column: 1, length: 1 },
        hint: "write keys such as `write_files:` without indentation, or remove the file",
      },
    ],
  };
};
