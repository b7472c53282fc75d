// Every secret text of a cluster, so that tests can look for it where it must not be.
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import type { Secret } from "../../src/report/secret.ts";

export const hiddenTexts = (secrets: ClusterSecrets): readonly string[] => {
  const all: readonly Secret[] = [
    secrets.ca.key,
    secrets.frontProxyCa.key,
    secrets.etcdCa.key,
    secrets.serviceAccount.key,
    secrets.admin.key,
    secrets.bootstrapToken,
    ...(secrets.encryptionKey === undefined ? [] : [secrets.encryptionKey]),
    ...Object.values(secrets.nodes).flatMap(({ hostKey, joinIdentity }) => [
      hostKey.key,
      joinIdentity.key,
    ]),
  ];
  return all.map((hidden) => {
    const text = hidden.reveal();
    if (!text.startsWith("-----")) {
      return text;
    }
    // One line is enough to find a PEM text, however it is indented: the one in which the private bytes lie.
    const line = text.includes("OPENSSH") ? 4 : 2;
    return text.split("\n")[line] ?? text;
  });
};
