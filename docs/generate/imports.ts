// Who imports whom under src/, types and import() included, and the circles among them.
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

/** From each name to those that it imports: files, or rooms. */
export type Imports = ReadonlyMap<string, ReadonlySet<string>>;

// `from "./a.ts"`, `import "./a.ts"` and `import("./a.ts")`, also where a type is taken by it.
const IMPORT = /\b(?:from|import)\s*\(?\s*"(\.[^"]+\.ts)"/g;

/** Of all TypeScript files below `folder`; paths are relative to it, with `/`. */
export const readImports = (folder: string): Imports =>
  new Map(
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .toSorted()
      .map((file) => {
        const text = readFileSync(join(folder, file), "utf8");
        const targets = [...text.matchAll(IMPORT)].map(([, target = ""]) =>
          posix.join(posix.dirname(file), target),
        );
        return [file, new Set(targets)];
      }),
  );

/** What can be reached from `start` in one step or more. */
const reached = (imports: Imports, start: string): ReadonlySet<string> => {
  const found = new Set<string>();
  const open = [start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const target of imports.get(name) ?? []) {
      if (!found.has(target)) {
        found.add(target);
        open.push(target);
      }
    }
  }
  return found;
};

/** The shortest way from `start` back to itself, both ends included; undefined where there is none. */
const circleOf = (
  imports: Imports,
  start: string,
): readonly string[] | undefined => {
  const ways: string[][] = [[start]];
  const seen = new Set<string>();
  for (const way of ways) {
    for (const target of imports.get(way.at(-1) ?? start) ?? []) {
      if (target === start) {
        return [...way, start];
      }
      if (!seen.has(target)) {
        seen.add(target);
        ways.push([...way, target]);
      }
    }
  }
  return undefined;
};

/** One circle for each group of names that import each other. */
export const circles = (imports: Imports): readonly (readonly string[])[] => {
  const told = new Set<string>();
  const found: (readonly string[])[] = [];
  for (const name of imports.keys()) {
    const circle = told.has(name) ? undefined : circleOf(imports, name);
    if (circle !== undefined) {
      found.push(circle);
      for (const other of reached(imports, name)) {
        if (reached(imports, other).has(name)) {
          told.add(other);
        }
      }
    }
  }
  return found;
};

/** What lies in no room: the start of the program. */
export const START = "start";

const roomOf = (file: string): string =>
  file.includes("/") ? (file.split("/")[0] ?? START) : START;

/** The same between rooms: a room is a folder of src/, whatever folders it has in it. */
export const roomImports = (imports: Imports): Imports => {
  const rooms = new Map<string, Set<string>>();
  for (const [file, targets] of imports) {
    const room = roomOf(file);
    const others = rooms.get(room) ?? new Set();
    rooms.set(room, others);
    for (const target of targets) {
      if (roomOf(target) !== room) {
        others.add(roomOf(target));
      }
    }
  }
  return rooms;
};

/** Only the imports that no longer way says already; `imports` without circles. */
export const reduced = (imports: Imports): Imports =>
  new Map(
    [...imports].map(([name, targets]) => [
      name,
      new Set(
        [...targets].filter((target) =>
          [...targets].every((other) => !reached(imports, other).has(target)),
        ),
      ),
    ]),
  );

/**
 * @param imports of files
 * @throws {Error} that names the ways round, of files and then of rooms.
 */
export const demandNoCircle = (imports: Imports): void => {
  const found = [...circles(imports), ...circles(roomImports(imports))];
  if (found.length > 0) {
    throw new Error(
      `src/ imports in circles, types included. Move what both ends need below both of them:\n${found
        .map((circle) => `  ${circle.join(" -> ")}`)
        .join("\n")}`,
    );
  }
};
