// Reports a full disk in the same way wherever something large is written.
import { systemCode } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";

/** No room on the disk, or none of this user's quota. */
const FULL = ["ENOSPC", "EDQUOT"];

export const isDiskFull = (error: unknown): boolean =>
  FULL.includes(systemCode(error) ?? "");

/** Where the cache is on a small disk. */
export const LARGER_CACHE =
  "free some space, or set XDG_CACHE_HOME to a folder on a larger disk";

/**
 * DISK_FULL for a full disk, any other error as it is.
 * @param what stands after "there is no room left for"
 */
export const explainNoRoom = (
  error: unknown,
  what: string,
  { state, hint }: { readonly state: string; readonly hint: string },
): unknown =>
  isDiskFull(error)
    ? new UserError("DISK_FULL", `there is no room left for ${what}`, {
        state,
        hint,
        cause: error,
      })
    : error;
