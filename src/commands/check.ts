// pi-image check: validates everything that people write, up to the rendered seeds; writes nothing and runs no command of it.
import { z } from "zod";
import type { Context } from "../terminal/context.ts";
import { prepareSeeds } from "../project/prepare-seeds.ts";
import { openProject } from "./open-project.ts";

const checkOptions = z.object({ inventory: z.string() });

export const check = async (
  context: Context,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const { inventory } = checkOptions.parse(given);
  const opened = await openProject(context, {
    inventory,
    mayBeImplied: false,
    // Checking somebody else's file does not mean agreeing to run its commands.
    secrets: "without commands",
  });
  const { nodes, passwordsMissing } = await prepareSeeds(context, opened, {
    inventory,
  });
  if (passwordsMissing.length > 0) {
    context.remark(
      "A Wi-Fi password was not checked: a command gives it, and `check` runs no command of an inventory.",
    );
  }
  context.printJson({
    type: "result",
    inventory,
    nodes: nodes.map(({ name }) => name),
  });
  context.print(
    `${inventory} is valid: ${nodes.length} nodes, their profiles, fragments and seeds.`,
  );
};
