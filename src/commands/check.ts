// pi-image check: validates everything that people write, up to the rendered seeds; writes nothing.
import { z } from "zod";
import type { Context } from "./context.ts";
import { prepareSeeds } from "./prepare-seeds.ts";

const checkOptions = z.object({ inventory: z.string() });

export const check = async (
  context: Context,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const { inventory } = checkOptions.parse(given);
  const { seeds } = await prepareSeeds(context, {
    inventory,
    mayBeImplied: false,
  });
  context.printJson({
    type: "result",
    inventory,
    nodes: seeds.map(({ node }) => node.name),
  });
  context.print(
    `${inventory} is valid: ${seeds.length} nodes, their profiles, fragments and seeds.`,
  );
};
