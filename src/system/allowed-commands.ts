// Remembers which commands of which files the user has allowed to run: digests in a file that nobody else can write.
import { createHash } from "node:crypto";
import { lstat, realpath, rm, stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { ifAbsent, ifSystem } from "../report/expected-failure.ts";
import { stateFolder } from "./folders.ts";
import { makeFolder } from "./make-folder.ts";
import { readWhole, readWholeText } from "./read-whole.ts";
import { replacePrivateFile } from "./private-file.ts";

const FILE = "allowed-commands";
const OTHERS_WRITE = 0o022;

/** A larger file cannot be ours, and is not read into memory. */
const SIZE_LIMIT = 1024 * 1024;

/** Beyond this many, the oldest answers are forgotten and the user is asked again. */
const MOST = 2000;

const sha256 = (data: string | Uint8Array): string =>
  createHash("sha256").update(data).digest("hex");

/** Digest of a script, or another file, that the command names; "" for what is not a file, undefined for one that is too large. */
const digestOfNamed = async (path: string): Promise<string | undefined> => {
  try {
    const found = await stat(path);
    if (!found.isFile()) {
      return "";
    }
    return found.size > SIZE_LIMIT ? undefined : sha256(await readWhole(path));
  } catch (error) {
    return ifSystem(error, "");
  }
};

/**
 * Identifies this command of this file, run in this folder, with the files beside it that the command names: `exec:./get.sh`
 * is another command when get.sh has changed. Undefined where an answer cannot be remembered: the inventory is a pipe, or
 * a file that the command names is too large.
 */
export const commandKey = async (
  file: string,
  folder: string,
  command: string,
): Promise<string | undefined> => {
  const parts: string[] = [];
  try {
    // Links are resolved, because they lead to the same file; the folder is where the command runs.
    parts.push(await realpath(file), await realpath(folder), command);
  } catch (error) {
    return ifSystem(error, undefined);
  }
  for (const word of new Set(command.split(/[\s'"`;|&<>(){}$=]+/))) {
    if (word === "" || isAbsolute(word) || word.includes("\0")) {
      continue;
    }
    const digest = await digestOfNamed(resolve(folder, word));
    if (digest === undefined) {
      return undefined;
    }
    if (digest !== "") {
      parts.push(word, digest);
    }
  }
  return sha256(JSON.stringify(parts));
};

/** Whether it is this user's and nobody else can write to it. Not checked on Windows, which has other rights and no user ids. */
const isOwn = async (
  path: string,
  kind: "isFile" | "isDirectory",
): Promise<boolean> => {
  const found = await lstat(path);
  const own = process.geteuid?.();
  return (
    found[kind]() &&
    (own === undefined ||
      (found.uid === own && (found.mode & OTHERS_WRITE) === 0))
  );
};

/** The keys, oldest first; undefined where somebody else could have written them. */
const read = async (folder: string): Promise<readonly string[] | undefined> => {
  const path = join(folder, FILE);
  try {
    return (await isOwn(folder, "isDirectory")) && (await isOwn(path, "isFile"))
      ? (await readWholeText(path)).split("\n").filter(Boolean)
      : undefined;
  } catch (error) {
    return ifAbsent(error, []);
  }
};

export const isAllowedCommand = async (
  env: NodeJS.ProcessEnv,
  key: string,
): Promise<boolean> => (await read(stateFolder(env)))?.includes(key) === true;

/** @returns whether the answer will be known the next time, which it is not in a folder that others can write to */
export const rememberAllowed = async (
  env: NodeJS.ProcessEnv,
  key: string,
): Promise<boolean> => {
  const folder = stateFolder(env);
  try {
    await makeFolder(folder, 0o700);
    if (!(await isOwn(folder, "isDirectory"))) {
      return false;
    }
    const path = join(folder, FILE);
    const known = await read(folder);
    if (known === undefined) {
      await rm(path);
    }
    const keys = [...(known ?? []), key].slice(-MOST);
    await replacePrivateFile(path, `${keys.join("\n")}\n`, env);
    return true;
  } catch (error) {
    return ifSystem(error, false);
  }
};
