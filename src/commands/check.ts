// pi-image check: validates everything that people write, up to the rendered seeds; writes nothing.
import { z } from "zod";
import { borrowSecrets } from "../build/cluster-secrets.ts";
import { renderSeeds } from "../build/render-seeds.ts";
import { buildTime } from "../system/clock.ts";
import { packageVersion } from "../system/package-files.ts";
import type { Context } from "./context.ts";
import { demandNoErrors, openProject } from "./project.ts";

const checkOptions = z.object({ inventory: z.string() });

export const check = async (
  context: Context,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = checkOptions.parse(given);
  const { project, library, files, folder } = await openProject(context, {
    inventory: options.inventory,
    mayBeImplied: false,
    secrets: "needed",
  });
  const { secrets } = await borrowSecrets(folder, project, context.env);
  const { seeds, problems } = renderSeeds({
    project,
    nodes: project.nodes,
    secrets,
    library,
    buildTime: buildTime(context.env),
    version: packageVersion(),
    kubernetesKey: undefined,
    manifests: [],
  });
  demandNoErrors(context, problems, files);
  context.printJson({
    type: "result",
    inventory: options.inventory,
    nodes: seeds.map(({ node }) => node.name),
  });
  context.print(
    `${options.inventory} is right: ${seeds.length} nodes, their profiles, fragments and seeds.`,
  );
};
