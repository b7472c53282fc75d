// Tells which process of a run under sudo is the helper for devices. A file of its own, because every start asks this.
import { env, pid, ppid } from "node:process";

/** Set in the helper's environment, to the id of the process that sudo started. */
const HELPER_OF = "PI_IMAGE_HELPER_OF";

export const isHelper = (): boolean =>
  env[HELPER_OF] === String(ppid) && process.send !== undefined;

/** The environment of a helper that this process starts. */
export const helpersEnvironment = (
  own: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv => ({ ...own, [HELPER_OF]: String(pid) });
