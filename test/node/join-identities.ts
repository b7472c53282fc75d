// Cluster secrets whose join identities no test outlives, and a join file that has ended.
import { webcrypto } from "node:crypto";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { joinKubeconfig } from "../../src/kubernetes/render-kubeconfig.ts";
import { makeClientCertificate } from "../../src/kubernetes/pki.ts";
import {
  fixedSecrets,
  sampleNode,
  sampleProject,
} from "../seed/sample-project.ts";

/** Valid from the year 2020 for so many days. */
const withIdentities = async (days: number): Promise<ClusterSecrets> => {
  const secrets = fixedSecrets();
  const nodes = await Promise.all(
    Object.entries(secrets.nodes).map(async ([name, credentials]) => {
      const joinIdentity = await makeClientCertificate(
        { commonName: `system:node:${name}`, organization: "system:nodes" },
        secrets.ca,
        { now: new Date("2020-01-01T00:00:00Z"), days },
        webcrypto,
      );
      return [name, { ...credentials, joinIdentity }] as const;
    }),
  );
  return { ...secrets, nodes: Object.fromEntries(nodes) };
};

let lasting: Promise<ClusterSecrets> | undefined;

/** They end on 2099-05-26, which the messages of the nodes show. */
export const lastingSecrets = (): Promise<ClusterSecrets> =>
  (lasting ??= withIdentities(29_000));

/** worker1's join file, good for ever or ended in January 2020. */
export const joinFile = async (is: "good" | "ended"): Promise<string> =>
  joinKubeconfig(
    sampleProject,
    sampleNode,
    is === "good" ? await lastingSecrets() : await withIdentities(30),
  ).reveal();
