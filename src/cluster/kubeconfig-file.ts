// Merges the administrator's access into a kubeconfig on disk, which is locked, backed up and replaced atomically.
import { chmod, open, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { secondStamp } from "../report/day.ts";
import { ifAbsent, errorCode } from "../report/expected-failure.ts";
import type { AdminAccess } from "../kubernetes/render-kubeconfig.ts";
import { mergeKubeconfig } from "../kubernetes/merge-kubeconfig.ts";
import type { Secret } from "../report/secret.ts";
import { readWholeText } from "../system/read-whole.ts";
import { UserError } from "../report/user-error.ts";
import {
  demandReplaceable,
  removeStalePartials,
} from "../system/atomic-file.ts";
import { errnoWords } from "../system/errno-words.ts";
import { realFile } from "../system/real-file.ts";
import {
  createPrivateFile,
  replacePrivateFile,
} from "../system/private-file.ts";
import { makeFolder } from "../system/make-folder.ts";

export type MergeResult = {
  readonly file: string;
  readonly context: string;
  /** Whether kubectl uses that context when none is named. */
  readonly current: boolean;
  readonly changed: boolean;
  /** Undefined for a new file, and where nothing changed. */
  readonly backup: string | undefined;
  /** Whether other users of this computer could read the file before; now only its owner can. */
  readonly closed: boolean;
};

/** The file that kubectl uses: the first of $KUBECONFIG, else ~/.kube/config. */
export const defaultKubeconfig = (env: NodeJS.ProcessEnv): string =>
  (env["KUBECONFIG"] ?? "").split(":").find((path) => path !== "") ??
  join(homedir(), ".kube", "config");

/** Every file that kubectl reads, or would read without $KUBECONFIG. */
export const kubeconfigsOf = (env: NodeJS.ProcessEnv): readonly string[] => [
  ...(env["KUBECONFIG"] ?? "").split(":").filter((path) => path !== ""),
  join(homedir(), ".kube", "config"),
];

const GROUP_AND_OTHERS = 0o077;

const unwritable = (path: string, error: unknown, instead: string): unknown => {
  if (error instanceof UserError && error.code === "FILE_UNUSABLE") {
    return new UserError("KUBECONFIG_NOT_WRITTEN", error.message, {
      state: error.state,
      hint: `${error.hint}, or ${instead}`,
      cause: error,
    });
  }
  const words = errnoWords(errorCode(error));
  return words === undefined
    ? error
    : new UserError(
        "KUBECONFIG_NOT_WRITTEN",
        `${path} cannot be changed: ${words.why}`,
        {
          state: "it is unchanged",
          hint: `${words.hint}; or ${instead}`,
          cause: error,
        },
      );
};

/** The same lock as kubectl's. https://github.com/kubernetes/client-go/blob/v0.36.0/tools/clientcmd/loader.go (lockFile) */
const withKubectlLock = async <Result>(
  path: string,
  action: () => Promise<Result>,
): Promise<Result> => {
  const lock = `${path}.lock`;
  try {
    await (await open(lock, "wx", 0o600)).close();
  } catch (error) {
    if (errorCode(error) === "EEXIST") {
      throw new UserError(
        "KUBECONFIG_LOCKED",
        `another program is changing ${path}`,
        {
          state: "it is unchanged",
          hint: `run the command again; if no kubectl is running, delete ${lock}`,
        },
      );
    }
    throw error;
  }
  try {
    return await action();
  } finally {
    await rm(lock, { force: true });
  }
};

const readOld = async (
  file: string,
): Promise<{ readonly text: string; readonly mode: number } | undefined> => {
  // Checked before the file is read, because reading a pipe without a writer would wait for ever.
  if (!(await demandReplaceable(file))) {
    return undefined;
  }
  try {
    return {
      text: await readWholeText(file),
      mode: (await stat(file)).mode & 0o777,
    };
  } catch (error) {
    return ifAbsent(error, undefined);
  }
};

const backUp = async (
  file: string,
  text: string,
  now: Date,
  env: NodeJS.ProcessEnv,
): Promise<string> => {
  for (let count = 0; ; count += 1) {
    const suffix = count === 0 ? "" : `-${count}`;
    const backup = `${file}.${secondStamp(now)}${suffix}.bak`;
    if (await createPrivateFile(backup, text, env)) {
      return backup;
    }
  }
};

/**
 * For the owner only, because whoever can read it is the cluster's administrator. On Linux, clearing the group's bits also
 * takes away what an ACL grants.
 */
const PRIVATE_FILE = 0o600;

const planMerge = async (path: string, access: AdminAccess) => {
  const file = await realFile(path);
  const old = await readOld(file);
  const merged = mergeKubeconfig(old?.text ?? "", access, path);
  const text = merged.text.reveal();
  return {
    file,
    old,
    text,
    changed: merged.changed,
    result: {
      file: path,
      context: merged.context,
      current: merged.current,
      closed: ((old?.mode ?? 0) & GROUP_AND_OTHERS) !== 0,
    },
  };
};

const write = async (
  path: string,
  access: AdminAccess,
  now: Date,
  env: NodeJS.ProcessEnv,
): Promise<MergeResult> => {
  const { file, old, text, result } = await planMerge(path, access);
  await removeStalePartials(dirname(file));
  const backup =
    old === undefined || old.text === ""
      ? undefined
      : // Beside the path that the user gave: a link may lead to a folder that is a shared repository.
        await backUp(path, old.text, now, env);
  await replacePrivateFile(file, text, env);
  return { ...result, changed: true, backup };
};

/**
 * Puts the access into the file, which is created where there is none. An existing file keeps its owner and all its other
 * entries; before it changes, a copy (0600) is put beside it. Its mode is 0600 afterwards, even if it already had the access
 * and nothing else changes.
 *
 * @throws UserError KUBECONFIG_WRONG, KUBECONFIG_CONFLICT, KUBECONFIG_LOCKED, KUBECONFIG_NOT_WRITTEN
 */
export const mergeIntoFile = async (
  path: string,
  access: AdminAccess,
  now: Date,
  env: NodeJS.ProcessEnv,
): Promise<MergeResult> => {
  try {
    const { file, changed, result } = await planMerge(path, access);
    if (!changed) {
      if (result.closed) {
        await chmod(file, PRIVATE_FILE);
      }
      return { ...result, changed, backup: undefined };
    }
    await makeFolder(dirname(path), 0o700);
    return await withKubectlLock(path, () => write(path, access, now, env));
  } catch (error) {
    throw unwritable(path, error, "name another file: --merge FILE");
  }
};

/**
 * Writes a kubeconfig of our own, mode 0600, in place of an older one.
 *
 * @throws UserError KUBECONFIG_NOT_WRITTEN
 */
export const writeOwnKubeconfig = async (
  path: string,
  text: Secret,
  env: NodeJS.ProcessEnv,
): Promise<void> => {
  try {
    await makeFolder(dirname(path), 0o700);
    await replacePrivateFile(path, text.reveal(), env);
  } catch (error) {
    throw unwritable(path, error, "name another folder: --out");
  }
};
