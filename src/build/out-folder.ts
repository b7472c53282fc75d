// The folder for the results: it is made private, cleared of what killed runs left, and checked for room.
import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { systemCode } from "../report/expected-failure.ts";
import { formatBytes } from "../report/amounts.ts";
import { UserError } from "../report/user-error.ts";
import { isDiskFull } from "../system/disk-full.ts";
import { removeStalePartials } from "../system/atomic-file.ts";
import { errnoWords } from "../system/errno-words.ts";
import { ignoreAllInGit } from "../system/ignore-file.ts";
import { makeFolder } from "../system/make-folder.ts";
import { isOnlyResults } from "./private-out.ts";

/** Images and seeds hold secrets: others on this machine must not even list them. */
const PRIVATE_FOLDER = 0o700;

const because = (cause: unknown): string => {
  const words = errnoWords(systemCode(cause));
  return words === undefined ? "" : `: ${words.why}`;
};

const unusable = (folder: string, what: string, cause: unknown): UserError =>
  new UserError(
    "OUT_FOLDER_UNUSABLE",
    `the folder ${folder} cannot be ${what}${because(cause)}`,
    {
      facts: cause instanceof Error ? [cause.message] : [],
      state: "nothing was written",
      hint: "choose another one with --out",
      cause,
    },
  );

/** The nearest existing folder: the folder itself, or the first of its parents that exists. */
const nearestFolder = async (folder: string): Promise<string> => {
  try {
    await stat(folder);
    return folder;
  } catch (error) {
    const above = dirname(resolve(folder));
    if (systemCode(error) !== "ENOENT" || above === folder) {
      throw error;
    }
    return nearestFolder(above);
  }
};

/**
 * Checks before the first question whether results can be written there; creates nothing.
 * @throws UserError OUT_FOLDER_UNUSABLE
 */
export const demandOutFolder = async (folder: string): Promise<void> => {
  try {
    const nearest = await nearestFolder(folder);
    if (!(await stat(nearest)).isDirectory()) {
      throw new Error(`${nearest} is not a folder`);
    }
    await access(nearest, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unusable(folder, "written", error);
  }
};

/**
 * Makes the folder where it is missing, and has git ignore everything in it.
 * @throws UserError OUT_FOLDER_UNUSABLE
 */
export const prepareOutFolder = async (folder: string): Promise<void> => {
  try {
    await makeFolder(folder, PRIVATE_FOLDER);
  } catch (error) {
    throw unusable(folder, "made", error);
  }
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unusable(folder, "written", error);
  }
  await removeStalePartials(folder);
  if (await isOnlyResults(folder)) {
    await ignoreAllInGit(folder);
  }
};

export const outFull = (folder: string, facts: readonly string[]): UserError =>
  new UserError("DISK_FULL", `the disk of ${folder} is full`, {
    facts,
    state: "no unfinished image was left behind",
    hint: "free some space, or choose another disk with --out",
  });

/** Sizes in bytes. */
export type ResultSize = {
  readonly needed: number;
  /** The space of an earlier result, which is removed when this one is complete. */
  readonly replaced: number;
};

/** The most bytes that the results take at one time beyond what is there now, written one after the other in this order. */
export const roomFor = (results: readonly ResultSize[]): number => {
  let most = 0;
  let taken = 0;
  for (const { needed, replaced } of results) {
    most = Math.max(most, taken + needed);
    taken += needed - replaced;
  }
  return most;
};

/** Throws before the first write where the results do not fit. `bytes` is how much of the space that is free now they need. */
export const checkRoom = async (
  folder: string,
  bytes: number,
): Promise<void> => {
  const { bavail, bsize } = await statfs(await nearestFolder(folder));
  const free = bavail * bsize;
  if (free < bytes) {
    throw outFull(folder, [
      `the results need ${formatBytes(bytes)} more, free are ${formatBytes(free)}`,
    ]);
  }
};

/** Runs a step that writes into the folder; if the disk fills up meanwhile, the error says so. */
export const explainFullDisk = async <T>(
  folder: string,
  step: () => Promise<T>,
): Promise<T> => {
  try {
    return await step();
  } catch (error) {
    if (
      isDiskFull(error) ||
      (error instanceof UserError &&
        error.facts.some((fact) => fact.includes("No space left on device")))
    ) {
      throw outFull(folder, []);
    }
    throw error;
  }
};
