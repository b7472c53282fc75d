// Tells what a cluster's secrets are and how long they are valid, without revealing any.
import { createHash } from "node:crypto";
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { publicKeyHash, readCertificate } from "../certificate.ts";
import type { ClusterSecrets } from "./cluster-secrets.ts";

type CertificateReport = {
  /** What it is, such as "cluster CA" or "join identity of worker1". */
  readonly what: string;
  /** SHA-256 over the public key in DER form, as hex. */
  readonly publicKeyHash: string;
  readonly validTo: Date;
  /** Whole days until then, negative once it has ended. */
  readonly daysLeft: number;
};

type NodeReport = {
  readonly node: string;
  /** Whether the inventory still names the node. */
  readonly inInventory: boolean;
  /** `SHA256:...`, as ssh shows it. */
  readonly hostKey: string;
  readonly joinIdentity: CertificateReport;
};

export type SecretsReport = {
  readonly cluster: string;
  readonly certificates: readonly CertificateReport[];
  readonly serviceAccountKeyHash: string;
  readonly nodes: readonly NodeReport[];
};

const DAY = 24 * 60 * 60 * 1000;

const certificateReport = (
  what: string,
  certificate: string,
  now: Date,
): CertificateReport => {
  const { validTo } = readCertificate(certificate);
  return {
    what,
    publicKeyHash: publicKeyHash(certificate),
    validTo,
    daysLeft: Math.floor((validTo.getTime() - now.getTime()) / DAY),
  };
};

/** As `ssh-keygen -l` prints it: base64 without padding over the key's binary form. */
const sshFingerprint = (publicKey: string): string => {
  const blob = Buffer.from(publicKey.split(" ")[1] ?? "", "base64");
  const digest = createHash("sha256").update(blob).digest("base64");
  return `SHA256:${digest.replace(/=+$/, "")}`;
};

/** What `pi-image secrets show` and `secrets status` print. */
export const secretsReport = (
  secrets: ClusterSecrets,
  { nodes }: Pick<ResolvedProject, "nodes">,
  now: Date,
): SecretsReport => ({
  cluster: secrets.cluster,
  certificates: [
    certificateReport("cluster CA", secrets.ca.certificate, now),
    certificateReport("front-proxy CA", secrets.frontProxyCa.certificate, now),
    certificateReport("etcd CA", secrets.etcdCa.certificate, now),
    certificateReport("admin certificate", secrets.admin.certificate, now),
  ],
  serviceAccountKeyHash: publicKeyHash(secrets.serviceAccount.publicKey),
  nodes: Object.entries(secrets.nodes).map(([name, credentials]) => ({
    node: name,
    inInventory: nodes.some((node) => node.name === name),
    hostKey: sshFingerprint(credentials.hostKey.publicKey),
    joinIdentity: certificateReport(
      `join identity of ${name}`,
      credentials.joinIdentity.certificate,
      now,
    ),
  })),
});
