// Says whether the parts of a cluster's secrets belong together.
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { day } from "../../report/day.ts";
import { ifOneOf } from "../../report/expected-failure.ts";
import { UserError } from "../../report/user-error.ts";
import {
  isSignedBy,
  parseCertificate,
  readCertificate,
} from "../certificate.ts";
import type {
  Authorities,
  CertificateAndKey,
  ClusterSecrets,
  HostKey,
  KeyPair,
  NodeCredentials,
} from "./cluster-secrets.ts";

/**
 * A text that node:crypto cannot read is a finding like any other, but with our words, because node:crypto's are not meant
 * for users.
 */
const findings = (what: string, find: () => readonly string[]): string[] => {
  try {
    return find().map((finding) => `${what}: ${finding}`);
  } catch (error) {
    const finding = `${what}: the certificate or the key cannot be read`;
    return ifOneOf(error, [Error], [finding]);
  }
};

/** Digests of pairs that are known to fit, because a build checks the same secrets before and after it locks their file. */
const fitting = new Set<string>();

const keyFindings = ({ certificate, key }: CertificateAndKey): string[] => {
  const text = key.reveal();
  const pair = createHash("sha256").update(certificate).update(text);
  const digest = pair.digest("base64");
  if (fitting.has(digest)) {
    return [];
  }
  if (!parseCertificate(certificate).checkPrivateKey(createPrivateKey(text))) {
    return ["the key does not belong to the certificate"];
  }
  fitting.add(digest);
  return [];
};

const authorityFindings = (
  what: string,
  authority: CertificateAndKey,
  now: Date,
): string[] =>
  findings(what, () => {
    const { validFrom, validTo } = readCertificate(authority.certificate);
    const found = keyFindings(authority);
    if (!parseCertificate(authority.certificate).ca) {
      found.push("the certificate is not one of an authority");
    }
    if (validTo <= now) {
      found.push(`the certificate ended on ${day(validTo)}`);
    }
    if (validFrom > now) {
      found.push(`the certificate begins only on ${day(validFrom)}`);
    }
    return found;
  });

const clientFindings = (
  what: string,
  client: CertificateAndKey,
  commonName: string,
  ca: CertificateAndKey,
): string[] =>
  findings(what, () => {
    const found = keyFindings(client);
    if (!isSignedBy(client.certificate, ca)) {
      found.push("another authority signed the certificate");
    }
    const actual = readCertificate(client.certificate).commonName;
    if (actual !== commonName) {
      found.push(`the certificate is made out to ${actual}, not ${commonName}`);
    }
    return found;
  });

const keyPairFindings = (what: string, pair: KeyPair): string[] =>
  findings(what, () => {
    const derived = createPublicKey(createPrivateKey(pair.key.reveal()));
    return derived.equals(createPublicKey(pair.publicKey))
      ? []
      : ["the public key does not belong to the private key"];
  });

/** OpenSSH's private key file contains the public key in the clear, so the bytes can be compared. */
const hostKeyFindings = (what: string, hostKey: HostKey): string[] => {
  const body = hostKey.key.reveal().replaceAll(/-----[^-]+-----|\s/g, "");
  const blob = Buffer.from(hostKey.publicKey.split(" ")[1] ?? "", "base64");
  return blob.length > 0 && Buffer.from(body, "base64").includes(blob)
    ? []
    : [`${what}: the public key does not belong to the private key`];
};

/** The user name of a node, as Kubernetes' node authorizer knows it. */
export const nodeUser = (name: string): string => `system:node:${name}`;

export const ADMIN_USER = "kubernetes-admin";

const nodeFindings = (
  name: string,
  { hostKey, joinIdentity }: NodeCredentials,
  ca: CertificateAndKey,
): string[] => [
  ...hostKeyFindings(`host key of ${name}`, hostKey),
  ...clientFindings(
    `join identity of ${name}`,
    joinIdentity,
    nodeUser(name),
    ca,
  ),
];

const allFindings = (
  which: "" | "other ",
  all: Authorities,
  now: Date,
): string[] => [
  ...authorityFindings(`${which}cluster CA`, all.ca, now),
  ...authorityFindings(`${which}front-proxy CA`, all.frontProxyCa, now),
  ...authorityFindings(`${which}etcd CA`, all.etcdCa, now),
  ...keyPairFindings(`${which}service account key`, all.serviceAccount),
];

const refuse = (found: readonly string[], hint: string): void => {
  if (found.length > 0) {
    throw new UserError(
      "SECRETS_INCONSISTENT",
      "the cluster's secrets do not belong together",
      { facts: found, hint, state: "the secrets file is unchanged" },
    );
  }
};

/**
 * Refuses authorities of another cluster, and those that are no use for this one. Making new authorities would mean making
 * another cluster.
 *
 * @param cluster name in the inventory
 * @throws UserError SECRETS_OTHER_CLUSTER, SECRETS_INCONSISTENT
 */
export const checkAuthorities = (
  secrets: ClusterSecrets,
  cluster: string,
  now: Date,
): void => {
  if (secrets.cluster !== cluster) {
    throw new UserError(
      "SECRETS_OTHER_CLUSTER",
      `the secrets belong to the cluster ${secrets.cluster}, but the inventory describes ${cluster}`,
      {
        hint: `name the cluster ${secrets.cluster} again, or move the file away so that ${cluster} gets secrets of its own`,
        state: "the secrets file is unchanged",
      },
    );
  }
  refuse(
    [
      ...allFindings("", secrets, now),
      ...(secrets.rotation === undefined
        ? []
        : allFindings("other ", secrets.rotation.other, now)),
    ],
    "put the file back from your backup; without it, new cards cannot join the running cluster",
  );
};

/**
 * Refuses secrets whose parts do not belong together.
 *
 * Only an authority's certificate is reported when it has ended; the others are renewed.
 *
 * @param cluster name in the inventory
 * @throws UserError SECRETS_OTHER_CLUSTER, SECRETS_INCONSISTENT
 */
export const checkSecrets = (
  secrets: ClusterSecrets,
  cluster: string,
  now: Date,
): void => {
  checkAuthorities(secrets, cluster, now);
  refuse(
    [
      ...clientFindings(
        "admin certificate",
        secrets.admin,
        ADMIN_USER,
        secrets.ca,
      ),
      ...Object.entries(secrets.nodes).flatMap(([name, credentials]) =>
        nodeFindings(name, credentials, secrets.ca),
      ),
    ],
    "put the file back from your backup; if you replaced the cluster CA on purpose, run: pi-image secrets rotate",
  );
};
