// The failure of a package archive that must not be believed.
import { UserError } from "../../report/user-error.ts";

export const archiveWrong = (
  from: string,
  why: string,
  cause?: unknown,
): UserError =>
  new UserError("ARCHIVE_WRONG", `${from} ${why}`, {
    facts: cause instanceof Error ? [cause.message] : [],
    state: "nothing was kept on the word of this server",
    hint: "try again later or on another network; where the inventory names a mirror, check that it is up to date",
    cause,
  });
