// Under sudo, everything but the device is done as the person behind it: files that are made belong to them.
import { type Caller, callerOf, homeOfUser, type AskId } from "./caller.ts";

let caller: Caller | undefined;
/** The real user is root's no more: nothing leads back. */
let forGood = false;
let raised = 0;

const become = ({ uid, gid }: Pick<Caller, "uid" | "gid">): void => {
  // The group first: only root may change it.
  process.seteuid?.(0);
  process.setegid?.(gid);
  process.seteuid?.(uid);
};

/**
 * From now on, only `asRoot` acts as root. The real user stays root, so that it can. HOME becomes the caller's, where the
 * cache is and where `file:~/...` leads.
 * @throws UserError CALLER_UNKNOWN
 */
export const dropToCaller = (env: NodeJS.ProcessEnv, askId: AskId): void => {
  caller = callerOf(env, askId);
  if (caller === undefined) {
    return;
  }
  if (caller.name === undefined) {
    process.setgroups?.([caller.gid]);
  } else {
    process.initgroups?.(caller.name, caller.gid);
  }
  become(caller);
  const home = homeOfUser();
  if (home !== undefined) {
    env["HOME"] = home;
  }
};

/** The caller in every respect, real, effective and saved: for what needs no device (any more). */
export const dropForGood = (): void => {
  if (caller === undefined || forGood) {
    return;
  }
  process.seteuid?.(0);
  process.setgid?.(caller.gid);
  process.setuid?.(caller.uid);
  forGood = true;
};

/** Does a step that needs the right to a device; nothing else should go on meanwhile that makes files. */
export const asRoot = async <T>(step: () => Promise<T>): Promise<T> => {
  if (caller === undefined || forGood) {
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

/** The same for a step that is done at once. */
export const asRootAtOnce = <T>(step: () => T): T => {
  if (caller === undefined || forGood) {
    return step();
  }
  const before = raised;
  become({ uid: 0, gid: 0 });
  try {
    return step();
  } finally {
    if (before === 0) {
      become(caller);
    }
  }
};

/** Whose rights a program gets that is not about the device; undefined when they are this process's own. */
export const childRights = (): Caller | undefined => caller;

/** Whether this process can still act as root for somebody else. */
export const canRaise = (): boolean => caller !== undefined && !forGood;
