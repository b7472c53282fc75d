// A folder with an inventory and the secrets of its cluster, as `pi-image build` leaves it.
import { webcrypto } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { loadInventory } from "../../src/inventory/load/load-inventory.ts";
import type { ResolvedProject } from "../../src/inventory/resolved.ts";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { keepSecrets } from "../../src/kubernetes/secrets/store-secrets.ts";

const KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF1v3OIyWmXV2qS5HuPdNUyUIQlxvEWpDyf9aZbGZ8h5 ana";

export const INVENTORY = `# My cluster
cluster:
  name: homelab
defaults:
  users: [{name: ana, sshKeys: ["${KEY}"]}]
  gateway: 192.168.77.1
nodes:
  - {name: cplane, role: control-plane, address: 192.168.77.50/24}
  - {name: worker1, role: worker}
  - {name: worker2, role: worker, address: 192.168.77.52/24}
`;

export const emptyFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-cluster-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
};

export const loadHomelab = async (folder: string): Promise<ResolvedProject> => {
  const { project, problems } = await loadInventory({
    path: join(folder, "cluster.yaml"),
    env: {},
    home: folder,
    secrets: "unneeded",
  });
  if (project === undefined) {
    throw new Error(JSON.stringify(problems));
  }
  return project;
};

export type ClusterFolder = {
  readonly folder: string;
  readonly secretsFile: string;
  readonly project: ResolvedProject;
  readonly secrets: ClusterSecrets;
};

/** `now` is when the secrets were made. */
export const clusterFolder = async (
  now = new Date(),
  inventory = INVENTORY,
): Promise<ClusterFolder> => {
  const folder = emptyFolder();
  writeFileSync(join(folder, "cluster.yaml"), inventory);
  const project = await loadHomelab(folder);
  const secretsFile = join(folder, "homelab.secrets.yaml");
  const { secrets } = await keepSecrets(secretsFile, project, {
    now,
    crypto: webcrypto,
  });
  return { folder, secretsFile, project, secrets };
};
