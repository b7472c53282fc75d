// Users who encrypt the secrets file should know where the same secrets are still stored unencrypted.
import { relative } from "node:path";
import type { PlainCopy } from "../project/plain-copies.ts";
import type { Context } from "../terminal/context.ts";

/**
 * Warns of the copies, if there are any.
 * @param where such as "in out", or "on this computer"
 */
export const tellOfCopies = (
  { cwd, report }: Context,
  secretsFile: string,
  { length }: readonly PlainCopy[],
  where: string,
): void => {
  if (length > 0) {
    report({
      type: "warning",
      message: `${relative(cwd, secretsFile)} is encrypted, but ${length === 1 ? "a file" : `${length} files`} ${where} ${length === 1 ? "holds" : "hold"} the same secrets in plain`,
      hint: "`pi-image secrets status` lists them: delete them once the cards are written; with `build --no-keep`, `flash --host` writes cards without them",
    });
  }
};
