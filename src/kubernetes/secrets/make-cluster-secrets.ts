// Makes the secrets of a new cluster.
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { secret, type Secret } from "../../report/secret.ts";
import { ADMIN_USER, nodeUser } from "./check-secrets.ts";
import type {
  CertificateAndKey,
  ClusterSecrets,
  NodeCredentials,
} from "./cluster-secrets.ts";
import { makeHostKey } from "../host-key.ts";
import {
  type Crypto,
  makeAuthority,
  makeClientCertificate,
  makeServiceAccountKeys,
} from "../pki.ts";

/** The time and the randomness of one run. */
export type Making = { readonly now: Date; readonly crypto: Crypto };

/** The laptop's kubeconfig lives as long as kubeadm's own admin.conf. */
const ADMIN_DAYS = 365;

const TOKEN_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

/** Random letters and digits without bias: bytes from 252 on are drawn again, since 252 = 7 * 36. */
const randomLetters = (count: number, crypto: Crypto): string => {
  let letters = "";
  while (letters.length < count) {
    const [byte = 0] = crypto.getRandomValues(new Uint8Array(1));
    if (byte < 252) {
      letters += TOKEN_LETTERS[byte % TOKEN_LETTERS.length] ?? "";
    }
  }
  return letters;
};

/** https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#token-format */
export const makeBootstrapToken = (crypto: Crypto): Secret =>
  secret(`${randomLetters(6, crypto)}.${randomLetters(16, crypto)}`);

/**
 * A key in the form that Kubernetes' secretbox expects.
 * https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/#providers
 */
export const makeEncryptionKey = (crypto: Crypto): Secret =>
  secret(
    Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64"),
  );

/**
 * The administrator's client certificate.
 *
 * `kubeadm init` binds the group to cluster-admin since 1.29, so the certificate works as soon as init has finished, and can
 * be revoked by deleting that binding, which is not possible for a member of system:masters.
 * https://github.com/kubernetes/kubernetes/pull/121305
 */
export const makeAdmin = (
  ca: CertificateAndKey,
  { now, crypto }: Making,
): Promise<CertificateAndKey> =>
  makeClientCertificate(
    { commonName: ADMIN_USER, organization: "kubeadm:cluster-admins" },
    ca,
    { now, days: ADMIN_DAYS },
    crypto,
  );

/** A node's right to join as itself and as nobody else: the node authorizer confines it to its own Node and certificate. */
export const makeJoinIdentity = (
  name: string,
  ca: CertificateAndKey,
  days: number,
  { now, crypto }: Making,
): Promise<CertificateAndKey> =>
  makeClientCertificate(
    { commonName: nodeUser(name), organization: "system:nodes" },
    ca,
    { now, days },
    crypto,
  );

export const makeNodeCredentials = async (
  name: string,
  ca: CertificateAndKey,
  days: number,
  making: Making,
): Promise<NodeCredentials> => ({
  hostKey: makeHostKey(name, making.crypto),
  joinIdentity: await makeJoinIdentity(name, ca, days, making),
});

/** All secrets of a cluster that has none; the nodes are those of the inventory. */
export const makeClusterSecrets = async (
  { cluster, nodes }: ResolvedProject,
  making: Making,
): Promise<ClusterSecrets> => {
  const { now, crypto } = making;
  const ca = await makeAuthority("kubernetes", now, crypto);
  const credentials: Record<string, NodeCredentials> = {};
  for (const { name } of nodes) {
    credentials[name] = await makeNodeCredentials(
      name,
      ca,
      cluster.join.days,
      making,
    );
  }
  return {
    cluster: cluster.name,
    ca,
    frontProxyCa: await makeAuthority("front-proxy-ca", now, crypto),
    etcdCa: await makeAuthority("etcd-ca", now, crypto),
    serviceAccount: await makeServiceAccountKeys(crypto),
    admin: await makeAdmin(ca, making),
    bootstrapToken: makeBootstrapToken(crypto),
    encryptionKey: makeEncryptionKey(crypto),
    hardened: true,
    revoked: [],
    nodes: credentials,
  };
};
