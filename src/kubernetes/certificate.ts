// Reads what a certificate says: who it is, until when, and the fingerprint of its key.
import { createHash, createPublicKey, X509Certificate } from "node:crypto";
import type { CertificateAndKey } from "./cluster-secrets.ts";

type CertificateFacts = {
  readonly commonName: string | undefined;
  readonly organization: string | undefined;
  readonly validFrom: Date;
  readonly validTo: Date;
};

/** The value of one attribute of a subject as node:crypto prints it, a line for each. */
const attribute = (subject: string, name: string): string | undefined =>
  subject
    .split("\n")
    .find((line) => line.startsWith(`${name}=`))
    ?.slice(name.length + 1);

export const readCertificate = (certificate: string): CertificateFacts => {
  const { subject, validFrom, validTo } = new X509Certificate(certificate);
  return {
    commonName: attribute(subject, "CN"),
    organization: attribute(subject, "O"),
    validFrom: new Date(validFrom),
    validTo: new Date(validTo),
  };
};

/** Whether `authority` signed this certificate. */
export const isSignedBy = (
  certificate: string,
  authority: CertificateAndKey,
): boolean =>
  new X509Certificate(certificate).verify(
    createPublicKey(authority.certificate),
  );

/**
 * SHA-256 over the DER form of the public key, as hex: of a certificate or of a public key, given as PEM.
 *
 * kubeadm pins a cluster's authority by it (`caCertHashes`), since it survives a renewal of the certificate.
 * https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/#token-based-discovery-with-ca-pinning
 */
export const publicKeyHash = (pem: string): string =>
  createHash("sha256")
    .update(createPublicKey(pem).export({ type: "spki", format: "der" }))
    .digest("hex");
