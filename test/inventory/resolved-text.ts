// What an inventory resolves to that stands in the test as text.
import { parseInventory } from "../../src/inventory/parse-inventory.ts";
import { resolveInventory } from "../../src/inventory/resolve.ts";
import type { ResolvedProject } from "../../src/inventory/resolved.ts";
import { secret } from "../../src/report/secret.ts";

export const KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOnpJv1RLwluXwBXcDwIVQEbxP4VRY8T1f4VY3zbO8TK test@pi-image";

const PLACES = { folder: "/home/ana/cluster", home: "/home/ana" };

/** Loads what stands in the text alone; every `file:` key leads to KEY and every secret to "correct horse". */
export const resolved = (text: string): ResolvedProject => {
  const { inventory, problems } = parseInventory("cluster.yaml", text);
  if (inventory === undefined) {
    throw new Error(problems.map(({ message }) => message).join("\n"));
  }
  return resolveInventory(
    inventory,
    {
      keys: new Map([["file:key.pub", [KEY]]]),
      secrets: new Map([
        ["env:WIFI", secret("correct horse")],
        ["prompt other", secret("battery staple")],
      ]),
    },
    PLACES,
  );
};

type Parts = { cluster?: string; defaults?: string; nodes: readonly string[] };

/** An inventory of these parts, resolved; a node is what stands between its braces. */
export const project = ({ cluster = "", defaults = "", nodes }: Parts) =>
  resolved(`
cluster: {name: homelab, ${cluster}}
defaults:
  users: [{name: ana, sshKeys: [file:key.pub]}]
${defaults === "" ? "" : `  ${defaults}`}
nodes:
${nodes.map((node) => `  - {${node}}`).join("\n")}
`);

export const PLANE = "name: cplane, role: control-plane";
export const FIXED = `${PLANE}, address: 192.168.1.50/24, gateway: 192.168.1.1`;
