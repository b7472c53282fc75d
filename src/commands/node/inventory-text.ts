// What the commands that edit the inventory share: its text, what is wrong with it, and the file that is replaced.
import { realpath, stat } from "node:fs/promises";
import { INVENTORY_LIMIT } from "../../inventory/load/load-inventory.ts";
import { loadText } from "../../inventory/load/load-text.ts";
import { parseInventory } from "../../inventory/parse-inventory.ts";
import { demandNoErrors } from "../../project/opened-project.ts";
import type { ErrorCode } from "../../report/error-codes.ts";
import { hasErrors } from "../../report/problem.ts";
import { UserError } from "../../report/user-error.ts";
import { writeFileAtomically } from "../../system/atomic-file.ts";
import type { Context } from "../../terminal/context.ts";

/** @throws UserError of this code */
export const readInventory = async (
  path: string,
  code: ErrorCode,
): Promise<string> => {
  const file = await loadText(path, INVENTORY_LIMIT);
  if (file.text === undefined) {
    throw new UserError(
      code,
      `the inventory ${path} cannot be used: ${file.reason}`,
      file.missing ? { hint: "`pi-image init` writes one" } : {},
    );
  }
  return file.text;
};

/**
 * The nodes that the text describes; its problems are shown, and an error ends the command.
 *
 * @param name under which problems are shown
 */
export const nodesOfText = (
  context: Context,
  name: string,
  text: string,
  show: "errors" | "all",
): readonly { readonly name?: string | undefined; readonly role: string }[] => {
  const { inventory, problems, shown } = parseInventory(name, text);
  demandNoErrors(
    context,
    show === "all" || hasErrors(problems) ? problems : [],
    new Map([[name, shown]]),
  );
  return inventory?.nodes ?? [];
};

/** Keeps the file's mode, and a link to it. */
export const replaceInventory = async (
  path: string,
  text: string,
): Promise<void> => {
  const file = await realpath(path);
  await writeFileAtomically(file, text, (await stat(file)).mode & 0o777);
};
