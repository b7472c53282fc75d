// Whose signature an image needs, as the command line or the inventory says it.
import { UserError } from "../../report/user-error.ts";

export type SignedBy = {
  /** Fingerprints as they were written; one of these keys must have signed. */
  readonly keys: readonly string[];
  /** Who names them, as messages say it: "--signed-by", "`trust:` in cluster.yaml". */
  readonly named: string;
  /**
   * Given once and for all: it counts for what somebody has published, and neither for what the catalogue's keys or a
   * checksum of the user's prove, nor for files that lie here without a list.
   */
  readonly standing: boolean;
};

/** For what can have no list beside it: `why` says so. Throws WRONG_ARGUMENTS where a signature was asked for. */
export const demandUnasked = (
  signedBy: SignedBy | undefined,
  why: (named: string) => string,
  hint: string,
): void => {
  if (signedBy !== undefined && !signedBy.standing) {
    throw new UserError("WRONG_ARGUMENTS", why(signedBy.named), {
      state: "nothing was written",
      hint,
    });
  }
};
