// The secrets of one cluster: made once, kept beside the inventory, reused by every build.
import type { Secret } from "../../report/secret.ts";

/** PEM texts: an X.509 certificate and its PKCS#8 key. */
export type CertificateAndKey = {
  readonly certificate: string;
  readonly key: Secret;
};

/** PEM texts of a key pair without certificate. */
export type KeyPair = { readonly publicKey: string; readonly key: Secret };

/** An OpenSSH host key: the public line `ssh-ed25519 AAAA...` and the private key file's text. */
export type HostKey = { readonly publicKey: string; readonly key: Secret };

export type NodeCredentials = {
  readonly hostKey: HostKey;
  /** `CN=system:node:<name>, O=system:nodes`: this card's right to join as this node. */
  readonly joinIdentity: CertificateAndKey;
};

/** What all trust in a cluster comes from; a rotation replaces it as a whole. */
export type Authorities = {
  readonly ca: CertificateAndKey;
  readonly frontProxyCa: CertificateAndKey;
  readonly etcdCa: CertificateAndKey;
  readonly serviceAccount: KeyPair;
  /** 32 random bytes as base64: encrypts Secrets in etcd. Undefined in a file of an earlier pi-image until the next build. */
  readonly encryptionKey: Secret | undefined;
};

/**
 * - trust: the nodes learn to trust the new authorities as well
 * - issue: they get new certificates and keys, and sign with the new authorities
 * - retire: they forget the old ones
 */
export const ROTATION_STEPS = ["trust", "issue", "retire"] as const;

export type RotationStep = (typeof ROTATION_STEPS)[number];

/** A rotation of the authorities that has begun and not ended. */
export type Rotation = {
  readonly step: RotationStep;
  /** Names of the nodes that have taken this step. */
  readonly done: readonly string[];
  /** The authorities beside those that sign: the new ones in the step `trust`, afterwards the old ones. */
  readonly other: Authorities;
};

export type ClusterSecrets = Authorities & {
  /** The cluster these belong to: its name in the inventory. */
  readonly cluster: string;
  /** `CN=kubernetes-admin, O=kubeadm:cluster-admins`, for the kubeconfig on the laptop. */
  readonly admin: CertificateAndKey;
  /** `[a-z0-9]{6}.[a-z0-9]{16}`, used only with `join: token`. */
  readonly bootstrapToken: Secret;
  /** Whether the cluster was made with the defaults of docs/hardening.md, and not before these existed. */
  readonly hardened: boolean;
  /**
   * Names of nodes whose certificates the cluster refuses, for ever: allowing a name again would make its old certificates
   * valid again.
   */
  readonly revoked: readonly string[];
  readonly nodes: Readonly<Record<string, NodeCredentials>>;
  /** Undefined but for the time of a rotation. */
  readonly rotation?: Rotation | undefined;
};

type OneOrMore<Item> = readonly [Item, ...Item[]];

/** The authorities that the cluster trusts today; the first sign. There are two for the time of a rotation. */
export const trustedAuthorities = (
  secrets: ClusterSecrets,
): OneOrMore<Authorities> =>
  secrets.rotation === undefined
    ? [secrets]
    : [secrets, secrets.rotation.other];

/** The cluster CAs among them. */
export const trustedCas = (
  secrets: ClusterSecrets,
): OneOrMore<CertificateAndKey> => {
  const [signing, ...others] = trustedAuthorities(secrets);
  return [signing.ca, ...others.map(({ ca }) => ca)];
};

export type ChangedSecrets = {
  readonly secrets: ClusterSecrets;
  /** One sentence for each change; empty where `secrets` are the existing ones. */
  readonly changes: readonly string[];
};

/** The credentials of one node, looked up safely, because a node may be called "constructor". */
export const credentialsOf = (
  secrets: Pick<ClusterSecrets, "nodes">,
  name: string,
): NodeCredentials | undefined =>
  Object.hasOwn(secrets.nodes, name) ? secrets.nodes[name] : undefined;
