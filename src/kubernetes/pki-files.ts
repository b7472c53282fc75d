// The files of /etc/kubernetes/pki that every control plane must have before kubeadm runs.
import { secret, type Secret } from "../report/secret.ts";
import type {
  CertificateAndKey,
  ClusterSecrets,
} from "./secrets/cluster-secrets.ts";

type PkiFile = {
  /** Relative to the pki folder. */
  readonly path: string;
  /** Octal, as chmod takes it. */
  readonly mode: "0600" | "0644";
  readonly content: Secret;
};

const pair = (
  name: string,
  { certificate, key }: CertificateAndKey,
): readonly PkiFile[] => [
  { path: `${name}.crt`, mode: "0644", content: secret(certificate) },
  { path: `${name}.key`, mode: "0600", content: key },
];

/**
 * The files that kubeadm uses if they exist, on the first control plane and on further ones alike. Never for workers: a
 * `ca.crt` makes their join fail, and whoever has a card with the CA key has the cluster.
 *
 * `kubeadm reset` empties that folder, so the card keeps them in another folder and copies them again before each attempt.
 *
 * https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/high-availability/#manual-certs
 */
export const controlPlanePki = (
  secrets: ClusterSecrets,
): readonly PkiFile[] => [
  ...pair("ca", secrets.ca),
  ...pair("front-proxy-ca", secrets.frontProxyCa),
  ...pair("etcd/ca", secrets.etcdCa),
  {
    path: "sa.pub",
    mode: "0644",
    content: secret(secrets.serviceAccount.publicKey),
  },
  { path: "sa.key", mode: "0600", content: secrets.serviceAccount.key },
];
