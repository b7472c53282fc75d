// Keeps files out of git: adds lines to a .gitignore, and asks git what it tracks already.
import { open, writeFile } from "node:fs/promises";
import { constants } from "node:fs";
import { join } from "node:path";
import { ifAbsent, ifSystem, isAbsent } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { tryTool } from "./run/run-tool.ts";
import { readWholeText } from "./read-whole.ts";

const IGNORE_FILE = ".gitignore";

/** As people write the same pattern: with a slash or without. */
const bare = (line: string): string =>
  line
    .trim()
    .replace(/^\*\*\//, "")
    .replace(/^\//, "")
    .replace(/\/(\*\*?)?$/, "");

/** Whether the file says something about the pattern already; a `!` says that the user wants it tracked. */
const speaksOf = (lines: readonly string[], pattern: string): boolean =>
  lines.some((line) => {
    const said = bare(line.replace(/^!/, ""));
    const ending = pattern.replace(/^\*/, "");
    return (
      said === bare(pattern) ||
      said === "*" ||
      (pattern.startsWith("*") && said.endsWith(ending))
    );
  });

/**
 * Adds the patterns that are missing, below what is there, or makes the file. A link, or a file that cannot be written, is
 * left as it is: a build must not fail because of git.
 * @returns whether something was written
 */
export const ignoreInGit = async (
  folder: string,
  patterns: readonly string[],
  why: string,
): Promise<boolean> => {
  const path = join(folder, IGNORE_FILE);
  try {
    const text = await readWholeText(path).catch((error: unknown) =>
      ifAbsent(error, undefined),
    );
    const lines = (text ?? "").split(/\r?\n/);
    const missing = patterns.filter((pattern) => !speaksOf(lines, pattern));
    if (missing.length === 0) {
      return false;
    }
    const added = `# ${why}\n${missing.join("\n")}\n`;
    if (text === undefined) {
      await writeFile(path, added, { flag: "wx" });
      return true;
    }
    const { O_APPEND, O_WRONLY, O_NOFOLLOW } = constants;
    const handle = await open(path, O_APPEND | O_WRONLY | O_NOFOLLOW);
    try {
      await handle.write(
        `${text === "" || text.endsWith("\n") ? "" : "\n"}${added}`,
      );
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    return ifSystem(error, false);
  }
};

/** For a folder of our own, as cargo does it: git sees nothing in it, not even this file. */
export const ignoreAllInGit = async (folder: string): Promise<void> => {
  try {
    await writeFile(join(folder, IGNORE_FILE), "*\n", { flag: "wx" });
  } catch (error) {
    ifSystem(error, undefined);
  }
};

const GIT_ENVIRONMENT = {
  GIT_OPTIONAL_LOCKS: "0",
  GIT_LITERAL_PATHSPECS: "1",
  // A clone that lacks objects would fetch them, with a program that its settings name.
  GIT_ALLOW_PROTOCOL: "none",
  GIT_NO_LAZY_FETCH: "1",
};

/** In milliseconds. Limited because a setting of the work tree, such as a file to include, can be a pipe without a writer. */
const PATIENCE = 5000;

/**
 * Which of these paths, or what lies below them, git tracks, relative to the folder; none where there is no git, no work
 * tree that it trusts, or no answer within the patience.
 */
export const trackedByGit = async (
  folder: string,
  paths: readonly string[],
  signal: AbortSignal,
  patience = PATIENCE,
): Promise<readonly string[]> => {
  const late = AbortSignal.timeout(patience);
  try {
    const { status, stdout } = await tryTool(
      "git",
      [
        "-c",
        // Without this, a program that the work tree's own settings name would run.
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
        "-C",
        folder,
        "ls-files",
        "-z",
        "--",
        ...paths,
      ],
      { signal: AbortSignal.any([signal, late]), env: GIT_ENVIRONMENT },
    );
    return status === 0 ? stdout.split("\0").filter(Boolean) : [];
  } catch (error) {
    signal.throwIfAborted();
    if (
      late.aborted ||
      (error instanceof UserError && error.code === "TOOL_MISSING")
    ) {
      return [];
    }
    return isAbsent(error) ? [] : ifSystem(error, []);
  }
};
