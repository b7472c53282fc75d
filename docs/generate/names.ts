// One name, one thing: what is exported under src/ has a name of its own, and so has each file; and no folder is a crowd.
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** A reader takes in about two dozen names at a glance. */
const MOST_FILES = 25;

type Declared = { readonly file: string; readonly exported: boolean };

// What stands at the beginning of a line is no part of anything else: the formatter sees to that.
const DECLARATION =
  /^(export )?(?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|type|class|interface|enum) (\w+)/gm;

const grouped = <T>(
  pairs: readonly (readonly [string, T])[],
): ReadonlyMap<string, readonly T[]> => {
  const groups = new Map<string, T[]>();
  for (const [key, value] of pairs) {
    groups.set(key, [...(groups.get(key) ?? []), value]);
  }
  return groups;
};

/** Names that several files declare, of which one at least is for others: what reads it has to know which is meant. */
const homonyms = (files: ReadonlyMap<string, string>): readonly string[] => {
  const declared = [...files].flatMap(([file, text]) =>
    [...text.matchAll(DECLARATION)].map(
      ([, exported, name = ""]): readonly [string, Declared] => [
        name,
        { file, exported: exported !== undefined },
      ],
    ),
  );
  return [...grouped(declared)].flatMap(([name, places]) => {
    const where = [...new Set(places.map(({ file }) => file))];
    return where.length > 1 && places.some(({ exported }) => exported)
      ? `${name} is declared in ${where.join(" and ")}`
      : [];
  });
};

const sameFiles = (files: readonly string[]): readonly string[] =>
  [...grouped(files.map((file) => [basename(file), file] as const))].flatMap(
    ([name, places]) =>
      places.length > 1 ? `${name} is the name of ${places.join(" and ")}` : [],
  );

const folderSizes = (files: readonly string[]): ReadonlyMap<string, number> =>
  new Map(
    [...grouped(files.map((file) => [dirname(file), file] as const))].map(
      ([folder, inside]) => [folder, inside.length],
    ),
  );

/** What there is to see at a glance. */
export type HouseFigures = {
  readonly files: number;
  readonly lines: number;
  /** Of the folder with the most files. */
  readonly fullest: number;
};

/**
 * @param folder its TypeScript files, however deep
 * @throws {Error} that names each name that stands for several things, and each folder with too many files
 */
export const demandOneMeaning = (folder: string): HouseFigures => {
  const files = new Map(
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .toSorted()
      .map((file) => [file, readFileSync(join(folder, file), "utf8")]),
  );
  const names = [...files.keys()];
  const sizes = folderSizes(names);
  const wrong = [
    ...homonyms(files),
    ...sameFiles(names),
    ...[...sizes]
      .filter(([, size]) => size > MOST_FILES)
      .map(([name, size]) => `${name} has ${size} files side by side`),
  ];
  if (wrong.length > 0) {
    throw new Error(
      `a name in src/ means one thing, and a folder has at most ${MOST_FILES} files. Rename, merge or move:\n${wrong
        .map((line) => `  ${line}`)
        .join("\n")}`,
    );
  }
  const texts = [...files.values()];
  return {
    files: texts.length,
    lines: texts.reduce((sum, text) => sum + text.split("\n").length - 1, 0),
    fullest: Math.max(0, ...sizes.values()),
  };
};
