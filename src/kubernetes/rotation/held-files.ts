// What a node has of the cluster's authorities, read from its files.
import { createHash } from "node:crypto";
import { ENCRYPTION_FILE, encryptionText } from "../api-server.ts";
import { hasKeyOfOneOf, isSignedByOneOf } from "../certificate.ts";
import {
  type ClusterSecrets,
  trustedAuthorities,
  trustedCas,
} from "../secrets/cluster-secrets.ts";

/** What a node has: the texts of its files by their paths, without private keys. */
export type NodeFiles = ReadonlyMap<string, string>;

const KUBERNETES = "/etc/kubernetes";
export const PKI = `${KUBERNETES}/pki`;
export const CA = `${PKI}/ca.crt`;
export const CONTROLLER_MANAGER = `${KUBERNETES}/manifests/kube-controller-manager.yaml`;
export const ENCRYPTION = `${PKI}/${ENCRYPTION_FILE}`;
export const KUBELET_PKI = "/var/lib/kubelet/pki";
export const KUBELET_CERTIFICATE = `${KUBELET_PKI}/kubelet-client-current.pem`;

/** The flag by which the controller manager knows the certificate that it signs with. */
export const SIGNING_FLAG = /(--cluster-signing-cert-file=)[^\s"']+/g;

export const AUTHORITIES = [
  ["ca", `${PKI}/ca`],
  ["frontProxyCa", `${PKI}/front-proxy-ca`],
  ["etcdCa", `${PKI}/etcd/ca`],
] as const;

type AuthorityName = (typeof AUTHORITIES)[number][0];

const isAuthority = (path: string): boolean =>
  AUTHORITIES.some(([, base]) => path === `${base}.crt`);

/** Which of the cluster's authorities signed it; undefined for a certificate of somebody else's. */
export const signerOf = (
  certificate: string,
  secrets: ClusterSecrets,
): AuthorityName | undefined =>
  AUTHORITIES.map(([name]) => name).find((name) =>
    isSignedByOneOf(
      certificate,
      trustedAuthorities(secrets).map((all) => all[name]),
    ),
  );

/** The node's own certificates by their paths, without those of authorities and in kubeconfigs. */
export const leaves = (
  files: NodeFiles,
): readonly (readonly [string, string])[] =>
  [...files].filter(
    ([path]) =>
      path === KUBELET_CERTIFICATE ||
      (path.endsWith(".crt") && !isAuthority(path)),
  );

export const kubeconfigs = (
  files: NodeFiles,
): readonly (readonly [string, string])[] =>
  [...files].filter(([path]) => path.endsWith(".conf"));

/** Every certificate for which this node has the key. */
const heldCertificates = (files: NodeFiles): readonly string[] => [
  ...leaves(files).map(([, certificate]) => certificate),
  ...kubeconfigs(files).flatMap(([, text]) =>
    [...text.matchAll(/client-certificate-data: *"?([A-Za-z0-9+/=]+)/g)].map(
      ([, data = ""]) => Buffer.from(data, "base64").toString(),
    ),
  ),
];

/**
 * Whether the node still has a certificate of the authorities that do not sign any more. A kubelet renews its own by itself,
 * and may have asked a controller manager whose turn had not come.
 */
export const hasOldCertificates = (
  files: NodeFiles,
  { rotation }: ClusterSecrets,
): boolean =>
  rotation !== undefined &&
  heldCertificates(files).some((certificate) =>
    isSignedByOneOf(
      certificate,
      AUTHORITIES.map(([name]) => rotation.other[name]),
    ),
  );

const sha256 = (text: string): string =>
  createHash("sha256").update(text).digest("hex");

const keyOrders = (secrets: ClusterSecrets) => {
  const keys = trustedAuthorities(secrets).map((all) => all.encryptionKey);
  return [keys, keys.toReversed(), ...keys.map((key) => [key])];
};

/**
 * Whether encryption.yaml is not as pi-image writes it. Then Secrets may be encrypted with a key that the secrets file does
 * not know, and the file must stay.
 */
export const hasForeignEncryption = (
  files: NodeFiles,
  secrets: ClusterSecrets,
): boolean => {
  const digest = files.get(ENCRYPTION)?.trim();
  return (
    digest !== undefined &&
    keyOrders(secrets).every(
      (keys) => sha256(encryptionText(keys).reveal()) !== digest,
    )
  );
};

export type JoinedRole = "control-plane" | "worker";

/** Why this node cannot take part, each as a sentence; empty where it can. */
export const obstacles = (
  files: NodeFiles,
  role: JoinedRole,
  secrets: ClusterSecrets,
): readonly string[] => {
  const flags = files.get(CONTROLLER_MANAGER)?.match(SIGNING_FLAG) ?? [];
  return [
    ...(hasKeyOfOneOf(files.get(CA) ?? "", trustedCas(secrets))
      ? []
      : [`its ${CA} is not the cluster CA of the secrets file`]),
    ...(role === "control-plane" && flags.length !== 1
      ? [
          `its ${CONTROLLER_MANAGER} does not have --cluster-signing-cert-file once`,
        ]
      : []),
  ];
};
