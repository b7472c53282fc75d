// The secrets of this project, none of which may be in a release.
import type { ResolvedProject } from "../inventory/resolved.ts";
import {
  type Authorities,
  type ClusterSecrets,
  trustedAuthorities,
} from "../kubernetes/secrets/cluster-secrets.ts";
import type { Secret } from "../report/secret.ts";
import { accessPointName, preSharedKey } from "../seed/network/access-point.ts";
import type { KnownSecret } from "./find-secrets.ts";

/**
 * Lines of a PEM text that no other key shares: neither the header nor the first bytes, which only say what kind of key it
 * is.
 */
const bodyLines = (pem: Secret): readonly string[] =>
  pem
    .reveal()
    .split("\n")
    .slice(2, -2)
    .filter((line) => /^[A-Za-z0-9+/=]{32,}$/.test(line))
    .slice(0, 1);

const keyOf = (kind: string, pem: Secret): KnownSecret => ({
  kind: `the private key of ${kind}`,
  texts: bodyLines(pem),
  random: true,
});

const authorityTexts = (all: Authorities): readonly KnownSecret[] => [
  keyOf("the cluster's authority", all.ca.key),
  keyOf("the front proxy's authority", all.frontProxyCa.key),
  keyOf("etcd's authority", all.etcdCa.key),
  keyOf("the service accounts", all.serviceAccount.key),
  ...(all.encryptionKey === undefined
    ? []
    : [
        {
          kind: "the key that encrypts the cluster's Secrets",
          texts: [all.encryptionKey.reveal()],
          random: true,
        },
      ]),
];

export const clusterSecretTexts = (
  secrets: ClusterSecrets,
): readonly KnownSecret[] => [
  ...trustedAuthorities(secrets).flatMap(authorityTexts),
  keyOf("the administrator", secrets.admin.key),
  {
    kind: "the cluster's bootstrap token",
    texts: [secrets.bootstrapToken.reveal()],
    random: true,
  },
  ...Object.entries(secrets.nodes).flatMap(([name, node]) => [
    keyOf(`${name}'s SSH host key`, node.hostKey.key),
    keyOf(`${name}'s join identity`, node.joinIdentity.key),
  ]),
];

const passwordOf = (
  what: string,
  password: Secret | undefined,
): readonly KnownSecret[] =>
  password === undefined
    ? []
    : [
        {
          kind: `the password of ${what}`,
          texts: [password.reveal()],
          random: false,
        },
      ];

/** Secrets of the Wi-Fi networks, for a project whose passwords were looked up. */
export const wifiSecretTexts = ({
  nodes,
}: ResolvedProject): readonly KnownSecret[] =>
  nodes.flatMap(({ network }) =>
    network.wifi.flatMap(({ ssid, password, eap }) => {
      const title = `the Wi-Fi network ${accessPointName(ssid)}`;
      return [
        ...(eap?.method === "tls"
          ? [
              keyOf(title, eap.key),
              ...passwordOf(`the key of ${title}`, eap.keyPassword),
            ]
          : []),
        ...passwordOf(title, password),
        ...(password === undefined
          ? []
          : [
              {
                kind: `the key of ${title}`,
                texts: [preSharedKey(password.reveal(), ssid)],
                random: true,
              },
            ]),
      ];
    }),
  );
