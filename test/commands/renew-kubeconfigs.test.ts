// A rotation of the authorities gives each kubeconfig of this computer that has the cluster its new access, and no other.
import { webcrypto } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { renewKubeconfigs } from "../../src/commands/secrets/renew-kubeconfigs.ts";
import {
  adminAccess,
  adminKubeconfig,
} from "../../src/kubernetes/render-kubeconfig.ts";
import { makeClusterSecrets } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import {
  clusterFolder,
  type ClusterFolder,
} from "../cluster/cluster-folder.ts";
import { answering } from "./answering.ts";

/** After a rotation, with `$KUBECONFIG` naming this file. */
const renewed = async (
  { folder, project, secrets }: ClusterFolder,
  file: string,
) => {
  const now = await makeClusterSecrets(project, {
    now: new Date(),
    crypto: webcrypto,
  });
  const { context, told } = answering(
    { ...process.env, KUBECONFIG: file },
    () => "",
  );
  await renewKubeconfigs(
    context,
    { ...adminAccess(project, now), former: [secrets.ca] },
    join(folder, "out"),
  );
  context.close();
  return { now, told };
};

const asJson = (text: string): string => JSON.stringify(parse(text));

it.each([
  ["as kubectl writes it", (text: string) => text],
  ["in JSON", asJson],
  [
    "with a name in quotes",
    (text: string) => text.replaceAll("pi-image-homelab", '"pi-image-homelab"'),
  ],
])("renews a kubeconfig %s", async (_title, written) => {
  const cluster = await clusterFolder();
  const { folder, project, secrets } = cluster;
  const file = join(folder, "config");
  const old = adminKubeconfig(adminAccess(project, secrets)).reveal();
  writeFileSync(file, written(old));
  const { now, told } = await renewed(cluster, file);
  expect(told).toEqual([`Put the new access into ${file}.`]);
  const key = Buffer.from(now.admin.key.reveal()).toString("base64");
  expect(readFileSync(file, "utf8")).toContain(key);
});

it("leaves a kubeconfig that only speaks of the cluster", async () => {
  const cluster = await clusterFolder();
  const file = join(cluster.folder, "config");
  const text =
    "# not pi-image-homelab\nclusters: [{name: pi-image-homelab2}]\n";
  writeFileSync(file, text);
  const { told } = await renewed(cluster, file);
  expect(told).toEqual([]);
  expect(readFileSync(file, "utf8")).toBe(text);
});

it("tells of the results folder's own once, whoever names it", async () => {
  const cluster = await clusterFolder();
  const { folder, project, secrets } = cluster;
  const file = join(folder, "out", "kubeconfig");
  mkdirSync(join(folder, "out"));
  writeFileSync(file, adminKubeconfig(adminAccess(project, secrets)).reveal());
  const { told } = await renewed(cluster, `${folder}/./out/kubeconfig`);
  expect(told).toEqual([`Put the new access into ${file}.`]);
});
