// Signs a server's certificate with a cluster's CA, as `kubeadm init` does for the API server.
import { createPrivateKey, generateKeyPairSync, webcrypto } from "node:crypto";
import type { CertificateAndKey } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { loadX509 } from "../../src/kubernetes/pki.ts";

export type Validity = { readonly from: Date; readonly to: Date };

const DAY = 24 * 60 * 60 * 1000;

export const thisYear = (): Validity => ({
  from: new Date(Date.now() - DAY),
  to: new Date(Date.now() + 365 * DAY),
});

const P256 = { name: "ECDSA", namedCurve: "P-256" } as const;

/** PEM texts of a certificate for these DNS names and its key. */
export const servingCertificate = async (
  ca: CertificateAndKey,
  names: readonly string[],
  { from, to }: Validity = thisYear(),
): Promise<{ readonly cert: string; readonly key: string }> => {
  const x509 = await loadX509();
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const authority = new x509.X509Certificate(ca.certificate);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: "CN=kube-apiserver",
      issuer: authority.subject,
      notBefore: from,
      notAfter: to,
      publicKey: await webcrypto.subtle.importKey(
        "spki",
        pair.publicKey.export({ type: "spki", format: "der" }),
        P256,
        true,
        ["verify"],
      ),
      signingKey: await webcrypto.subtle.importKey(
        "pkcs8",
        createPrivateKey(ca.key.reveal()).export({
          type: "pkcs8",
          format: "der",
        }),
        P256,
        false,
        ["sign"],
      ),
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      extensions: [
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: "dns", value })),
        ),
      ],
    },
    webcrypto,
  );
  return {
    cert: certificate.toString("pem"),
    key: String(pair.privateKey.export({ type: "pkcs8", format: "pem" })),
  };
};
