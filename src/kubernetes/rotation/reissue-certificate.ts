// Makes the same certificate again under another authority, with a new key.
import {
  type Crypto,
  loadX509,
  signCertificate,
  type Validity,
} from "../pki.ts";
import type { CertificateAndKey } from "../secrets/cluster-secrets.ts";

/** Extensions that say whose keys these are (RFC 5280 sections 4.2.1.1 and 4.2.1.2). */
const KEY_IDENTIFIERS = new Set(["2.5.29.14", "2.5.29.35"]);

/**
 * As `kubeadm certs renew` does: subject, names and purposes stay as they are, so that a name which somebody added to an API
 * server's certificate is not lost.
 *
 * @param certificate PEM; only its first certificate counts
 */
export const reissueCertificate = async (
  certificate: string,
  authority: CertificateAndKey,
  validity: Validity,
  crypto: Crypto,
): Promise<CertificateAndKey> => {
  const { X509Certificate, PemConverter } = await loadX509();
  const [der = ""] = PemConverter.decode(certificate);
  const old = new X509Certificate(der);
  return signCertificate(
    old.subjectName,
    old.extensions.filter(({ type }) => !KEY_IDENTIFIERS.has(type)),
    authority,
    validity,
    crypto,
  );
};
