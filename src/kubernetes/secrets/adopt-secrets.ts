// Makes a cluster's secrets file anew from what its nodes hold.
import { z } from "zod";
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { parseOneBounded } from "../../inventory/yaml/bounded-yaml.ts";
import { secret, type Secret } from "../../report/secret.ts";
import { UserError } from "../../report/user-error.ts";
import { encryptionText } from "../api-server.ts";
import { checkSecrets } from "./check-secrets.ts";
import type {
  CertificateAndKey,
  ClusterSecrets,
  HostKey,
  NodeCredentials,
} from "./cluster-secrets.ts";
import {
  makeAdmin,
  makeBootstrapToken,
  makeEncryptionKey,
  makeJoinIdentity,
  makeNodeCredentials,
  type Making,
} from "./make-cluster-secrets.ts";

/** What a control plane holds: the text of each file by its path on the node, and its cluster's settings. */
export type HeldSecrets = {
  readonly files: ReadonlyMap<string, Secret>;
  /** kubeadm's ClusterConfiguration as YAML. */
  readonly kubeadm: string;
  /** A bootstrap token of the cluster, if it has one. */
  readonly token: Secret | undefined;
};

const PKI_FOLDER = "/etc/kubernetes/pki";
const HOST_KEY = "/etc/ssh/ssh_host_ed25519_key";
const API_SERVER = "/etc/kubernetes/manifests/kube-apiserver.yaml";

const refuse = (message: string, facts: readonly string[], hint: string) =>
  new UserError("SECRETS_NOT_ADOPTED", message, {
    facts,
    hint,
    state: "nothing was written",
  });

const textOf = (files: HeldSecrets["files"], path: string): string => {
  const text = files.get(path)?.reveal();
  if (text === undefined || text.trim() === "") {
    throw refuse(
      `${path} is empty on the control plane`,
      [],
      "adopt from another control plane",
    );
  }
  return text;
};

const authorityIn = (
  files: HeldSecrets["files"],
  name: string,
): CertificateAndKey => {
  const certificate = textOf(files, `${PKI_FOLDER}/${name}.crt`);
  if (certificate.split("-----BEGIN CERTIFICATE-----").length !== 2) {
    throw refuse(
      `${PKI_FOLDER}/${name}.crt has more than one certificate: the authorities of this cluster are being replaced`,
      [],
      "only the secrets file with which the replacement began can finish it (pi-image secrets rotate --authority)",
    );
  }
  return {
    certificate,
    key: secret(textOf(files, `${PKI_FOLDER}/${name}.key`)),
  };
};

/** Undefined where the API server encrypts nothing, or has no such file. */
const encryptionKeyIn = (files: HeldSecrets["files"]): Secret | undefined => {
  const path = `${PKI_FOLDER}/pi-image/encryption.yaml`;
  const text = files.get(path)?.reveal();
  const used = textOf(files, API_SERVER).includes(path);
  const found = /secret: ['"]?([A-Za-z0-9+/]{43}=)/.exec(text ?? "")?.[1];
  const key = found === undefined ? undefined : secret(found);
  if (used && encryptionText([key]).reveal() !== text) {
    throw refuse(
      `${path} is not as pi-image wrote it, so the key of the cluster's Secrets is not known`,
      [],
      "put the file back, or make new cards of control planes with kubeadm",
    );
  }
  return key;
};

const revokedIn = (files: HeldSecrets["files"]): readonly string[] =>
  [
    ...(
      files.get(`${PKI_FOLDER}/pi-image/authorization.yaml`)?.reveal() ?? ""
    ).matchAll(/"system:node:([a-z0-9.-]+)"/g),
  ].map(([, name = ""]) => name);

const settings = z.object({ clusterName: z.string() });

/** @throws UserError SECRETS_NOT_ADOPTED where the control plane belongs to a cluster of another name */
const demandName = (kubeadm: string, wanted: string): void => {
  const parsed = parseOneBounded(kubeadm);
  const name =
    "mistake" in parsed
      ? undefined
      : settings.safeParse(parsed.document?.toJS()).data?.clusterName;
  if (name !== wanted) {
    throw refuse(
      name === undefined
        ? "the control plane does not say which cluster it belongs to"
        : `the control plane belongs to the cluster ${name}, but the inventory describes ${wanted}`,
      [],
      name === undefined
        ? "see whether it works: kubectl --namespace kube-system get configmap kubeadm-config"
        : `take the inventory of ${name}, or name this one so`,
    );
  }
};

/** What the lines of a node's SSH host key hold; undefined for another kind of key. */
export const hostKeyIn = (files: HeldSecrets["files"]): HostKey | undefined => {
  const key = files.get(HOST_KEY);
  const line = files.get(`${HOST_KEY}.pub`)?.reveal() ?? "";
  return key === undefined || !line.startsWith("ssh-ed25519 ")
    ? undefined
    : { publicKey: line.trim(), key };
};

/**
 * The secrets of the running cluster: its own authorities, and new certificates of them for the administrator and for cards
 * that join from here on. A node whose host key is not known gets a new one, which its next card brings.
 *
 * @throws UserError SECRETS_NOT_ADOPTED, SECRETS_INCONSISTENT
 */
export const adoptSecrets = async (
  { cluster, nodes }: ResolvedProject,
  { files, kubeadm, token }: HeldSecrets,
  hostKeys: ReadonlyMap<string, HostKey>,
  making: Making,
): Promise<ClusterSecrets> => {
  demandName(kubeadm, cluster.name);
  const ca = authorityIn(files, "ca");
  const revoked = revokedIn(files);
  const { days } = cluster.join;
  const credentials: Record<string, NodeCredentials> = {};
  for (const { name } of nodes.filter((node) => !revoked.includes(node.name))) {
    const hostKey = hostKeys.get(name);
    credentials[name] =
      hostKey === undefined
        ? await makeNodeCredentials(name, ca, days, making)
        : {
            hostKey,
            joinIdentity: await makeJoinIdentity(name, ca, days, making),
          };
  }
  const secrets: ClusterSecrets = {
    cluster: cluster.name,
    ca,
    frontProxyCa: authorityIn(files, "front-proxy-ca"),
    etcdCa: authorityIn(files, "etcd/ca"),
    serviceAccount: {
      publicKey: textOf(files, `${PKI_FOLDER}/sa.pub`),
      key: secret(textOf(files, `${PKI_FOLDER}/sa.key`)),
    },
    admin: await makeAdmin(ca, making),
    bootstrapToken: token ?? makeBootstrapToken(making.crypto),
    encryptionKey: encryptionKeyIn(files) ?? makeEncryptionKey(making.crypto),
    hardened: textOf(files, API_SERVER).includes(`${PKI_FOLDER}/pi-image/`),
    revoked,
    nodes: credentials,
  };
  checkSecrets(secrets, cluster.name, making.now);
  return secrets;
};
