// Whose signature the images of a run need: that of the key in --signed-by, else of one of the keys that the inventory
// trusts.
import { basename } from "node:path";
import type { SignedBy } from "../base/proof/signed-by.ts";
import { loadTrust } from "../inventory/load/load-trust.ts";
import type { Context } from "../terminal/context.ts";
import { demandNoErrors } from "../project/opened-project.ts";

type Arguments = {
  readonly signedBy?: string | undefined;
  readonly inventory: string;
};

/** Of a project that is loaded; undefined where no key is named. */
export const signersOf = (
  { signedBy, inventory }: Arguments,
  trust: readonly string[],
): SignedBy | undefined => {
  if (signedBy !== undefined) {
    return { keys: [signedBy], named: "--signed-by", standing: false };
  }
  return trust.length === 0
    ? undefined
    : {
        keys: trust,
        named: `\`trust:\` in ${basename(inventory)}`,
        standing: true,
      };
};

/**
 * For commands that need nothing else of the inventory. Throws PROJECT_HAS_PROBLEMS where it cannot be read and might name a
 * key.
 */
export const loadSigners = async (
  context: Context,
  args: Arguments,
): Promise<SignedBy | undefined> => {
  if (args.signedBy !== undefined) {
    return signersOf(args, []);
  }
  const { keys, problems, files } = await loadTrust(args.inventory);
  demandNoErrors(context, problems, files);
  return signersOf(args, keys);
};
