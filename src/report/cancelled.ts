// The one reason for which a run is stopped from outside.
import { UserError } from "./user-error.ts";

/**
 * What every AbortController of a run is aborted with, so that `signal.throwIfAborted()` throws it. Other errors after an
 * abort (AbortError of Node's interfaces, a stream that closed too early, a tool that was killed) are consequences of it:
 * whoever catches an error to go on without what failed first asks the signal.
 */
export const cancelled = (): UserError =>
  new UserError("CANCELLED", "the run was stopped");
