// pi-image node add|remove|revoke: adds a line for a node to the inventory.
import { z } from "zod";
import { insertNode } from "../../inventory/insert-node.ts";
import { UserError } from "../../report/user-error.ts";
import type { Context } from "../../terminal/context.ts";
import {
  nodesOfText,
  readInventory,
  replaceInventory,
} from "./inventory-text.ts";

const addOptions = z.object({
  inventory: z.string(),
  role: z.string(),
  address: z.string().optional(),
});

const cannotAdd = (path: string, line: string): UserError =>
  new UserError(
    "NODE_NOT_ADDED",
    `the nodes in ${path} are not a plain list that a line can be added to`,
    { state: "it is unchanged", hint: `add it by hand: ${line}` },
  );

/** What etcd makes of so many control planes: it works as long as more than half of them do. `check` warns of even numbers. */
const whatFollows = (planes: number): readonly string[] => {
  if (planes === 2) {
    return [
      "2 control planes are worse than 1: etcd needs both, and stops when either is away. Add a third soon.",
    ];
  }
  const spared = (planes - 1) / 2;
  return planes % 2 === 1 && spared > 0
    ? [
        `With ${planes} control planes the cluster goes on while ${spared === 1 ? "1 of them is" : `${spared} of them are`} away.`,
      ]
    : [];
};

const add = async (
  context: Context,
  name: string,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const { inventory: path, role, address } = addOptions.parse(given);
  const text = await readInventory(path, "NODE_NOT_ADDED");
  const before = nodesOfText(context, path, text, "errors");
  const added = insertNode(text, { name, role, address });
  const line = `- {name: ${name}, role: ${role}${address === undefined ? "" : `, address: ${address}`}}`;
  if (added === undefined) {
    throw cannotAdd(path, line);
  }
  // Problems are shown under another file name, because the line is not in the file yet.
  const after = nodesOfText(
    context,
    `${path} (with ${name} added)`,
    added,
    "all",
  );
  if (after.length !== before.length + 1) {
    throw cannotAdd(path, line);
  }
  await replaceInventory(path, added);
  const planes = after.filter((one) => one.role === "control-plane").length;
  context.printJson({ type: "result", inventory: path, node: name, role });
  context.print(
    [
      `Added ${name} to ${path}. The cluster need not be reachable; now:`,
      `  pi-image build --host ${name}`,
      `  pi-image flash TARGET --host ${name}`,
      ...(role === "control-plane" ? whatFollows(planes) : []),
    ].join("\n"),
  );
};

export const node = async (
  context: Context,
  [action, name = ""]: readonly (string | undefined)[],
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  switch (action) {
    case "remove":
      return (await import("./node-remove.ts")).nodeRemove(
        context,
        name,
        given,
      );
    case "revoke":
      return (await import("./node-revoke.ts")).nodeRevoke(
        context,
        name,
        given,
      );
    default:
      return add(context, name, given);
  }
};
