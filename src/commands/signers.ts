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

/** Undefined where no key is named. Throws PROJECT_HAS_PROBLEMS where the inventory cannot be read and might name one. */
export const signersOf = async (
  context: Context,
  { signedBy, inventory }: Arguments,
): Promise<SignedBy | undefined> => {
  if (signedBy !== undefined) {
    return { keys: [signedBy], named: "--signed-by", standing: false };
  }
  const { keys, problems, files } = await loadTrust(inventory);
  demandNoErrors(context, problems, files);
  return keys.length === 0
    ? undefined
    : {
        keys,
        named: `\`trust:\` in ${basename(inventory)}`,
        standing: true,
      };
};
