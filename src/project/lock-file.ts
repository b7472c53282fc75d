// Reads and writes the lockfile beside the inventory.
import { basename, join } from "node:path";
import { UserError } from "../report/user-error.ts";
import { isMissing } from "../system/read-if-there.ts";
import { readWholeText } from "../system/read-whole.ts";
import { writeFileAtomically } from "../system/atomic-file.ts";
import { type Lock, lockSchema, renderLock } from "../supplies/lock.ts";

/** cluster.yaml -> cluster.lock.json in the given folder; two inventories in one folder have a lock each. */
export const lockPath = (folder: string, inventory: string): string =>
  join(
    folder,
    `${basename(inventory).replace(/\.(ya?ml|json)$/i, "")}.lock.json`,
  );

const readText = async (path: string): Promise<string | undefined> => {
  try {
    return await readWholeText(path);
  } catch (error) {
    if (await isMissing(path, error)) {
      return undefined;
    }
    throw damaged(path, error);
  }
};

const damaged = (path: string, cause: unknown): UserError =>
  new UserError("LOCK_DAMAGED", `the lockfile ${path} cannot be read`, {
    facts: cause instanceof Error ? cause.message.split("\n").slice(0, 4) : [],
    state: "nothing was written",
    hint: "restore it from version control; without it, the next build uses whatever the network offers then and records that",
    cause,
  });

/** Undefined where there is none. Throws LOCK_DAMAGED. */
export const loadLock = async (path: string): Promise<Lock | undefined> => {
  const text = await readText(path);
  if (text === undefined) {
    return undefined;
  }
  try {
    return lockSchema.parse(JSON.parse(text));
  } catch (error) {
    throw damaged(
      path,
      error instanceof SyntaxError
        ? error
        : new Error("it does not have the structure of a lockfile"),
    );
  }
};

/** Writes the lockfile, unless it already says the same. */
export const storeLock = async (path: string, lock: Lock): Promise<void> => {
  const text = renderLock(lock);
  if ((await readText(path)) !== text) {
    await writeFileAtomically(path, text);
  }
};
