// Keeps the folder of the results private, because images and seeds hold every secret of the cluster.
import { chmod, readdir, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, relative } from "node:path";
import { ifAbsent, ifSystem } from "../report/expected-failure.ts";
import type { Report } from "../report/events.ts";
import { UserError } from "../report/user-error.ts";
import { CLUSTER_FILES } from "./plan-build.ts";

const OWNER_ONLY = 0o700;
const ALL_OTHERS = 0o077;
const STICKY = 0o1000;

/** Names of results: images and seeds, their checksums and block maps, leftovers of a killed run, and locks. */
const RESULT =
  /^(?:.+\.(?:img|img\.xz|img\.zst|img\.bmap|img\.sha256|manifest\.json|patch\.json|lock)|receipts|kubeconfig\..+\.bak|\.gitignore|\..+\.partial)$/;

const refuse = (folder: string, why: string, hint: string): UserError =>
  new UserError("OUT_FOLDER_OPEN", `the folder ${folder} ${why}`, {
    state: "nothing was written",
    hint,
  });

const ELSEWHERE = "name a folder of its own with --out; pi-image makes it";

/** Whether `inner` is `outer` or lies in it. */
const holdsPath = (outer: string, inner: string): boolean =>
  !relative(outer, inner).startsWith("..");

/** The name of something in the folder that no build has put there. */
const strangerIn = async (folder: string): Promise<string | undefined> => {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = new Set(entries.map(({ name }) => name));
  return entries.find(
    (entry) =>
      !RESULT.test(entry.name) &&
      !CLUSTER_FILES.some((name) => name === entry.name) &&
      // A folder beside a manifest of its name holds a node's seed.
      !(entry.isDirectory() && names.has(`${entry.name}.manifest.json`)),
  )?.name;
};

/** Folders that not only pi-image uses: the working folder, the home folder, and their parents. */
const isInUse = async (real: string): Promise<boolean> => {
  const used = await Promise.all(
    [process.cwd(), homedir()].map((path) =>
      realpath(path).catch((error: unknown) => ifSystem(error, path)),
    ),
  );
  return used.some((path) => holdsPath(real, path));
};

/** Whether the folder exists and holds nothing but results. */
export const isOnlyResults = async (folder: string): Promise<boolean> => {
  try {
    return (
      !(await isInUse(await realpath(folder))) &&
      (await strangerIn(folder)) === undefined
    );
  } catch (error) {
    return ifSystem(error, false);
  }
};

const isOpen = (mode: number): boolean => (mode & ALL_OTHERS) !== 0;

/**
 * Checks before the first question whether the folder is private or can be made so; changes nothing. Rights that a Linux ACL
 * grants count too, because they show up in the group's bits.
 * @returns whether it still has to be made private
 * @throws UserError OUT_FOLDER_OPEN
 */
export const mustBeClosed = async (folder: string): Promise<boolean> => {
  const own = process.geteuid?.();
  const found = await stat(folder).catch((error: unknown) =>
    ifAbsent(error, undefined),
  );
  // Not checked on Windows, which has other permissions and no user ids.
  if (found === undefined || own === undefined || !found.isDirectory()) {
    return false;
  }
  if (found.uid !== own) {
    throw refuse(
      folder,
      `belongs to the user with the id ${found.uid}, who could read the secrets in the images`,
      ELSEWHERE,
    );
  }
  if (!isOpen(found.mode)) {
    return false;
  }
  const others =
    "can be entered by other users, who could read the secrets in the images";
  const real = await realpath(folder);
  if ((found.mode & STICKY) !== 0 || (await isInUse(real))) {
    throw refuse(folder, others, ELSEWHERE);
  }
  const stranger = await strangerIn(folder);
  if (stranger !== undefined) {
    throw refuse(
      folder,
      `${others}, and it holds more than results of pi-image: ${stranger}`,
      `${ELSEWHERE}; or, if nobody else needs this one: chmod 700 ${folder}`,
    );
  }
  return true;
};

/**
 * Makes an existing folder of the results private, and says so.
 * @throws UserError OUT_FOLDER_OPEN, also where the file system has no permissions
 */
export const closeOutFolder = async (
  folder: string,
  report: Report,
): Promise<void> => {
  if (!(await mustBeClosed(folder))) {
    return;
  }
  await chmod(folder, OWNER_ONLY);
  if (isOpen((await stat(folder)).mode)) {
    throw refuse(
      folder,
      "can be entered by other users, and its file system keeps no rights that would forbid it",
      "name a folder on another disk with --out",
    );
  }
  report({
    type: "warning",
    message: `other users of this computer could enter ${basename(folder)}, where images with secrets lie; now only you can (mode 0700)`,
  });
};
