// pi-image node add|revoke: adds a line for a node to the inventory.
import { realpath, stat } from "node:fs/promises";
import { z } from "zod";
import { insertNode } from "../../inventory/insert-node.ts";
import { INVENTORY_LIMIT } from "../../inventory/load/load-inventory.ts";
import { loadText } from "../../inventory/load/load-text.ts";
import { parseInventory } from "../../inventory/parse-inventory.ts";
import { hasErrors } from "../../report/problem.ts";
import { UserError } from "../../report/user-error.ts";
import { writeFileAtomically } from "../../system/atomic-file.ts";
import type { Context } from "../../terminal/context.ts";
import { demandNoErrors } from "../../project/opened-project.ts";

const nodeOptions = z.object({
  inventory: z.string(),
  role: z.string(),
  address: z.string().optional(),
});

const readInventory = async (path: string): Promise<string> => {
  const file = await loadText(path, INVENTORY_LIMIT);
  if (file.text === undefined) {
    throw new UserError(
      "NODE_NOT_ADDED",
      `the inventory ${path} cannot be used: ${file.reason}`,
      file.missing ? { hint: "`pi-image init` writes one" } : {},
    );
  }
  return file.text;
};

/** How many nodes the text describes; its problems are shown, and an error ends the command. */
const countNodes = (
  context: Context,
  name: string,
  text: string,
  show: "errors" | "all",
): number => {
  const { inventory, problems, shown } = parseInventory(name, text);
  demandNoErrors(
    context,
    show === "all" || hasErrors(problems) ? problems : [],
    new Map([[name, shown]]),
  );
  return inventory?.nodes.length ?? 0;
};

const cannotAdd = (path: string, line: string): UserError =>
  new UserError(
    "NODE_NOT_ADDED",
    `the nodes in ${path} are not a plain list that a line can be added to`,
    { state: "it is unchanged", hint: `add it by hand: ${line}` },
  );

export const node = async (
  context: Context,
  [action, name = ""]: readonly (string | undefined)[],
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  if (action === "revoke") {
    await (await import("./node-revoke.ts")).nodeRevoke(context, name, given);
    return;
  }
  const { inventory: path, role, address } = nodeOptions.parse(given);
  const text = await readInventory(path);
  const before = countNodes(context, path, text, "errors");
  const added = insertNode(text, { name, role, address });
  const line = `- {name: ${name}, role: ${role}${address === undefined ? "" : `, address: ${address}`}}`;
  if (added === undefined) {
    throw cannotAdd(path, line);
  }
  // Problems are shown under another file name, because the line is not in the file yet.
  const after = countNodes(
    context,
    `${path} (with ${name} added)`,
    added,
    "all",
  );
  if (after !== before + 1) {
    throw cannotAdd(path, line);
  }
  const file = await realpath(path);
  await writeFileAtomically(file, added, (await stat(file)).mode & 0o777);
  context.printJson({ type: "result", inventory: path, node: name, role });
  context.print(
    [
      `Added ${name} to ${path}. The cluster need not be reachable; now:`,
      `  pi-image build --host ${name}`,
      `  pi-image flash TARGET --host ${name}`,
    ].join("\n"),
  );
};
