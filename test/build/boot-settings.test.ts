// config.txt and the command line of the golden clusters' nodes, a board of each family among them.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bootSettings } from "../../src/build/boot-changes.ts";
import { editConfigTxt } from "../../src/image/boot/config-txt.ts";
import { loadInventory } from "../../src/inventory/load/load-inventory.ts";
import { goldenFolder } from "../seed/sample-project.ts";

const configs = async (name: string): Promise<string> => {
  const { project } = await loadInventory({
    path: join(goldenFolder, name, "cluster.yaml"),
    env: {},
  });
  return (project?.nodes ?? [])
    .map((node) => {
      const text = editConfigTxt("", bootSettings(node).config);
      return `== ${node.name}: ${node.board}, ${node.storage}\n${text}`;
    })
    .join("");
};

describe("config.txt", () => {
  it.each(["boards", "storage"])("of the nodes in %s", async (name) => {
    await expect(await configs(name)).toMatchFileSnapshot(
      `../golden/boot-settings/nodes-${name}.txt`,
    );
  });
});
