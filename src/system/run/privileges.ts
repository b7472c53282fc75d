// Under sudo: for whom this process is root, and how it stops being that. Only the helper for devices stays root.
import { type AskId, type Caller, callerOf, homeOfUser } from "./caller.ts";

let caller: Caller | undefined;

/**
 * Finds out who called, and takes over their groups. Undefined for everybody who is not root, and for root alone.
 * @throws UserError CALLER_UNKNOWN
 */
export const actFor = (
  env: NodeJS.ProcessEnv,
  askId: AskId,
): Caller | undefined => {
  caller = callerOf(env, askId);
  if (caller?.name !== undefined) {
    process.initgroups?.(caller.name, caller.gid);
  } else if (caller !== undefined) {
    process.setgroups?.([caller.gid]);
  }
  return caller;
};

/** For whom this process is root; undefined when it has only rights of its own. */
export const actingFor = (): Caller | undefined => caller;

/** The caller's home, where the cache is and where `file:~/...` leads; undefined for a user without an entry. */
const homeOf = ({ uid }: Caller): string | undefined => {
  process.seteuid?.(uid);
  try {
    return homeOfUser();
  } finally {
    process.seteuid?.(0);
  }
};

/** The environment of what runs as the caller; this process's own when it acts for nobody. */
export const callersEnvironment = (
  env: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv => {
  const home = caller && homeOf(caller);
  return home === undefined ? env : { ...env, HOME: home };
};

/** From now on this process is the caller: real, effective and saved, with nothing that leads back. */
export const becomeCaller = (env: NodeJS.ProcessEnv): void => {
  if (caller === undefined) {
    return;
  }
  const { HOME } = callersEnvironment(env);
  if (HOME !== undefined) {
    env["HOME"] = HOME;
  }
  // The group first: only root may change it.
  process.setgid?.(caller.gid);
  process.setuid?.(caller.uid);
  caller = undefined;
};
