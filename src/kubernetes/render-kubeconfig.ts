// Writes kubeconfigs: the one with which a card joins, and the administrator's for the laptop.
import { dump } from "js-yaml";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { secret, type Secret } from "../report/secret.ts";
import { laptopServer, nodesServer } from "./addresses.ts";
import { nodeUser } from "./secrets/check-secrets.ts";
import {
  type CertificateAndKey,
  type ClusterSecrets,
  credentialsOf,
  trustedCas,
} from "./secrets/cluster-secrets.ts";

export const base64 = (text: string): string =>
  Buffer.from(text).toString("base64");

type Entries = {
  readonly server: string;
  /** PEM of the authority that signs the server's certificate, or of several. */
  readonly ca: string;
  readonly client: CertificateAndKey;
  readonly cluster: string;
  readonly user: string;
  readonly context: string;
};

/** https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
export const renderKubeconfig = (entries: Entries): Secret =>
  secret(
    dump(
      {
        apiVersion: "v1",
        kind: "Config",
        clusters: [
          {
            name: entries.cluster,
            cluster: {
              "certificate-authority-data": base64(entries.ca),
              server: entries.server,
            },
          },
        ],
        users: [
          {
            name: entries.user,
            user: {
              "client-certificate-data": base64(entries.client.certificate),
              "client-key-data": base64(entries.client.key.reveal()),
            },
          },
        ],
        contexts: [
          {
            name: entries.context,
            context: { cluster: entries.cluster, user: entries.user },
          },
        ],
        "current-context": entries.context,
      },
      { lineWidth: -1 },
    ),
  );

/**
 * The file /etc/pi-image/join.conf: kubeadm finds the API server by it, pins the cluster CA and joins as this node. The
 * kubelet keeps using the server in it, which therefore is the endpoint's name.
 */
export const joinKubeconfig = (
  project: ResolvedProject,
  node: ResolvedNode,
  secrets: ClusterSecrets,
): Secret => {
  const credentials = credentialsOf(secrets, node.name);
  if (credentials === undefined) {
    throw new Error(`The cluster secrets have no node ${node.name}.`);
  }
  const user = nodeUser(node.name);
  return renderKubeconfig({
    server: nodesServer(project),
    ca: secrets.ca.certificate,
    client: credentials.joinIdentity,
    cluster: project.cluster.name,
    user,
    context: `${user}@${project.cluster.name}`,
  });
};

/** PEM texts one after the other. */
export const certificatesOf = (cas: readonly CertificateAndKey[]): string =>
  cas.map(({ certificate }) => certificate).join("");

/** The administrator's access from the laptop. */
export type AdminAccess = {
  /** The name of the cluster, the user and the context alike. */
  readonly name: string;
  /** `https://host:port` */
  readonly server: string;
  /** The authorities that the cluster trusts today; the first signs. There are two for the time of a rotation. */
  readonly cas: readonly [CertificateAndKey, ...CertificateAndKey[]];
  readonly client: CertificateAndKey;
  /** Authorities that an entry of an earlier time may be of, and that are not trusted any more. */
  readonly former?: readonly CertificateAndKey[];
};

export const accessName = ({ cluster }: ResolvedProject): string =>
  `pi-image-${cluster.name}`;

export const adminAccess = (
  project: ResolvedProject,
  secrets: ClusterSecrets,
): AdminAccess => ({
  name: accessName(project),
  server: laptopServer(project),
  cas: trustedCas(secrets),
  client: secrets.admin,
});

/** The administrator's kubeconfig; it works as soon as the first control plane is up. */
export const adminKubeconfig = ({
  name,
  server,
  cas,
  client,
}: AdminAccess): Secret =>
  renderKubeconfig({
    server,
    ca: certificatesOf(cas),
    client,
    cluster: name,
    user: name,
    context: name,
  });
