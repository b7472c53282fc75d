// The one reason for which a run is stopped from outside.
import { UserError } from "./user-error.ts";

/**
 * What every AbortController of a run is aborted with, so that `signal.throwIfAborted()` throws it. Other errors after an
 * abort (AbortError of Node's interfaces, a stream that closed too early, a tool that was killed) are consequences of it:
 * code that catches an error and goes on without what failed must check the signal first.
 */
export const cancelled = (): UserError =>
  new UserError("CANCELLED", "the run was stopped");
