// Under sudo, everything but the device is done as the person behind it: files that are made belong to them.
import { userInfo } from "node:os";
import { ifOneOf } from "../report/expected-failure.ts";

declare global {
  namespace NodeJS {
    interface Process {
      /** @types/node does not know it. https://nodejs.org/api/process.html#processinitgroupsuser-extragroup */
      readonly initgroups?: (user: string, extraGroup: number) => void;
    }
  }
}

type Caller = { readonly uid: number; readonly gid: number };

/** The person behind sudo; undefined for everybody else, and for root's own sudo. */
const callerOf = (env: NodeJS.ProcessEnv): Caller | undefined => {
  const uid = Number(env["SUDO_UID"] ?? 0);
  const gid = Number(env["SUDO_GID"] ?? 0);
  return process.getuid?.() === 0 && uid > 0 && gid > 0
    ? { uid, gid }
    : undefined;
};

let caller: Caller | undefined;
let raised = 0;

const become = ({ uid, gid }: Caller): void => {
  // The group first: only root may change it.
  process.seteuid?.(0);
  process.setegid?.(gid);
  process.seteuid?.(uid);
};

/**
 * From now on, only `asRoot` acts as root. The real user stays root, so that it can. HOME becomes the caller's, where the
 * cache is and where `file:~/...` leads.
 */
export const dropToCaller = (env: NodeJS.ProcessEnv): void => {
  caller = callerOf(env);
  if (caller === undefined) {
    return;
  }
  const name = env["SUDO_USER"];
  if (name === undefined) {
    process.setgroups?.([caller.gid]);
  } else {
    process.initgroups?.(name, caller.gid);
  }
  become(caller);
  try {
    env["HOME"] = userInfo().homedir;
  } catch (error) {
    // A user without an entry has only what sudo left.
    ifOneOf(error, ["ERR_SYSTEM_ERROR", "ENOENT"], undefined);
  }
};

/** Does a step that needs the right to a device; nothing else should go on meanwhile that makes files. */
export const asRoot = async <T>(step: () => Promise<T>): Promise<T> => {
  if (caller === undefined) {
    return step();
  }
  raised += 1;
  become({ uid: 0, gid: 0 });
  try {
    return await step();
  } finally {
    raised -= 1;
    if (raised === 0) {
      become(caller);
    }
  }
};

/** What `spawn` needs to run a program as root, while this process stays the caller and its files the caller's. */
export const rootRights = (): Readonly<{ uid?: number; gid?: number }> =>
  caller === undefined ? {} : { uid: 0, gid: 0 };

/** The arguments that run a program as the caller in every respect; a shell would take the real user's rights back. */
export const asCaller = (
  tool: string,
  args: readonly string[],
): readonly [tool: string, args: readonly string[]] =>
  caller === undefined
    ? [tool, args]
    : [
        "setpriv",
        [
          `--reuid=${caller.uid}`,
          `--regid=${caller.gid}`,
          "--keep-groups",
          "--",
          tool,
          ...args,
        ],
      ];
