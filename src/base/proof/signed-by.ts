// Whose signature an image needs, according to the command line or the inventory.
import { UserError } from "../../report/user-error.ts";

export type SignedBy = {
  /** Fingerprints as they were written; one of these keys must have signed. */
  readonly keys: readonly string[];
  /** Where they are named, for messages: "--signed-by", "`trust:` in cluster.yaml". */
  readonly named: string;
  /**
   * Whether it is a standing demand, from the inventory: it applies to published images, but not to those that the
   * catalogue's keys or a checksum from the user prove, nor to files on this computer that no list beside them names.
   */
  readonly standing: boolean;
};

/**
 * For an image that cannot have a list beside it, as `why` explains. Throws WRONG_ARGUMENTS where a signature was asked for
 * on the command line.
 */
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
