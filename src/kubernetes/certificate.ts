// Reads what a certificate says: who it is, until when, and the fingerprint of its key.
import { createHash, createPublicKey, X509Certificate } from "node:crypto";
import { ifOneOf } from "../report/expected-failure.ts";
import type { CertificateAndKey } from "./secrets/cluster-secrets.ts";

type CertificateFacts = {
  readonly commonName: string | undefined;
  readonly organization: string | undefined;
  readonly validFrom: Date;
  readonly validTo: Date;
};

/** The value of one attribute of a subject; node:crypto prints each attribute on a line of its own. */
const attribute = (subject: string, name: string): string | undefined =>
  subject
    .split("\n")
    .find((line) => line.startsWith(`${name}=`))
    ?.slice(name.length + 1);

const parsed = new Map<string, X509Certificate>();

/** More than a cluster has nodes; the limit keeps a long-lived process from collecting certificates without end. */
const MOST_PARSED = 2000;

/**
 * The certificate of this PEM text. Parsing takes about a millisecond, and a build asks for each node's certificate a
 * dozen times. Throws what node:crypto throws.
 */
export const parseCertificate = (pem: string): X509Certificate => {
  const known = parsed.get(pem);
  if (known !== undefined) {
    return known;
  }
  const certificate = new X509Certificate(pem);
  if (parsed.size >= MOST_PARSED) {
    parsed.clear();
  }
  parsed.set(pem, certificate);
  return certificate;
};

export const readCertificate = (certificate: string): CertificateFacts => {
  const { subject, validFrom, validTo } = parseCertificate(certificate);
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
  parseCertificate(certificate).verify(
    parseCertificate(authority.certificate).publicKey,
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

/** Whether the test succeeds; a certificate that node:crypto cannot read is not ours. */
const holds = (test: () => boolean): boolean => {
  try {
    return test();
  } catch (error) {
    return ifOneOf(error, [Error], false);
  }
};

/** As `isSignedBy` of any of these authorities, for a text of somebody else's, which may be no certificate at all. */
export const isSignedByOneOf = (
  pem: string,
  authorities: readonly CertificateAndKey[],
): boolean =>
  authorities.some((authority) => holds(() => isSignedBy(pem, authority)));

/** Whether it has the key of any of these, for a text of somebody else's; of several certificates, the first counts. */
export const hasKeyOfOneOf = (
  pem: string,
  authorities: readonly CertificateAndKey[],
): boolean =>
  holds(() => {
    const hash = publicKeyHash(pem);
    return authorities.some(
      ({ certificate }) => publicKeyHash(certificate) === hash,
    );
  });
