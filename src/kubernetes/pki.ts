// Makes the cluster's certificate authorities and the client certificates that they sign.
import { createPrivateKey, type webcrypto } from "node:crypto";
import type { Extension, Name, X509Certificate } from "@peculiar/x509";
import { secret } from "../report/secret.ts";
import type { CertificateAndKey, KeyPair } from "./secrets/cluster-secrets.ts";

/** The source of keys, serial numbers and signatures: `webcrypto` of node:crypto outside tests. */
export type Crypto = webcrypto.Crypto;

const DAY = 24 * 60 * 60 * 1000;
const CA_DAYS = 3650;

/**
 * Certificates are valid from a year before they are made. Until NTP answers, a Pi without a hardware clock assumes the date
 * on which its base image was built, months ago, and a certificate that is "not valid yet" would stop the API server. The
 * five minutes that kubeadm allows do not help such a board.
 * https://github.com/kubernetes/kubernetes/blob/v1.36.2/cmd/kubeadm/app/constants/constants.go (CertificateBackdate)
 */
const BACKDATE_DAYS = 365;

const P256 = { name: "ECDSA", namedCurve: "P-256" } as const;
const SHA256 = { name: "ECDSA", hash: "SHA-256" } as const;

/** X.509 counts whole seconds. */
export const addDays = (date: Date, days: number): Date =>
  new Date(Math.floor((date.getTime() + days * DAY) / 1000) * 1000);

/** Loaded on first use: most runs reuse their secrets, and the library takes 150 ms to load. */
export const loadX509 = async () => {
  // The library finds its parsers through the Reflect API, which must be loaded first.
  await import("reflect-metadata");
  return import("@peculiar/x509");
};

const pem = (label: string, der: ArrayBuffer): string => {
  const lines = Buffer.from(der)
    .toString("base64")
    .match(/.{1,64}/g);
  return `-----BEGIN ${label}-----\n${(lines ?? []).join("\n")}\n-----END ${label}-----\n`;
};

/** Positive and 127 bits at most, as RFC 5280 section 4.1.2.2 asks. */
const serialNumber = (crypto: Crypto): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return Buffer.from(bytes).toString("hex");
};

const makeEcKeys = async (
  crypto: Crypto,
): Promise<webcrypto.CryptoKeyPair & { readonly keyPem: string }> => {
  const keys = await crypto.subtle.generateKey(P256, true, ["sign", "verify"]);
  const der = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { ...keys, keyPem: pem("PRIVATE KEY", der) };
};

/**
 * A self-signed authority on P-256, valid for ten years as kubeadm's own are.
 *
 * @param commonName what kubeadm calls it: `kubernetes`, `front-proxy-ca` or `etcd-ca`
 */
export const makeAuthority = async (
  commonName: string,
  now: Date,
  crypto: Crypto,
): Promise<CertificateAndKey> => {
  const x509 = await loadX509();
  const keys = await makeEcKeys(crypto);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(crypto),
      name: [{ CN: [commonName] }],
      notBefore: addDays(now, -BACKDATE_DAYS),
      notAfter: addDays(now, CA_DAYS),
      signingAlgorithm: SHA256,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.digitalSignature |
            x509.KeyUsageFlags.keyEncipherment |
            x509.KeyUsageFlags.keyCertSign,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(
          keys.publicKey,
          false,
          crypto,
        ),
      ],
    },
    crypto,
  );
  return {
    certificate: pem("CERTIFICATE", certificate.rawData),
    key: secret(keys.keyPem),
  };
};

/** The authority's key for signing. It may be the user's own: EC or RSA, in any PEM form that OpenSSL writes. */
const importSigningKey = async (keyPem: string, crypto: Crypto) => {
  const key = createPrivateKey(keyPem);
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const algorithm =
    key.asymmetricKeyType === "rsa"
      ? { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }
      : {
          name: "ECDSA",
          namedCurve: curve === "secp384r1" ? "P-384" : "P-256",
          hash: "SHA-256",
        };
  return crypto.subtle.importKey(
    "pkcs8",
    key.export({ type: "pkcs8", format: "der" }),
    algorithm,
    false,
    ["sign"],
  );
};

/**
 * The key identifier in the issuer's own certificate, where it has one, because tools differ in how they compute it (RFC
 * 5280 section 4.2.1.1).
 */
const keyIdentifier = async (
  issuer: X509Certificate,
  crypto: Crypto,
): Promise<string> => {
  const { SubjectKeyIdentifierExtension } = await loadX509();
  const stated = issuer.getExtension(SubjectKeyIdentifierExtension);
  return (
    stated?.keyId ??
    Buffer.from(await issuer.publicKey.getKeyIdentifier(crypto)).toString("hex")
  );
};

export type Validity = { readonly now: Date; readonly days: number };

/**
 * A certificate on a new P-256 key, signed by `authority`, valid for `days` from `now`. The identifiers of both keys come to
 * the extensions.
 */
export const signCertificate = async (
  subject: Name | { readonly [attribute: string]: string[] }[],
  extensions: readonly Extension[],
  authority: CertificateAndKey,
  validity: Validity,
  crypto: Crypto,
): Promise<CertificateAndKey> => {
  const x509 = await loadX509();
  const keys = await makeEcKeys(crypto);
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await importSigningKey(authority.key.reveal(), crypto);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(crypto),
      subject,
      // The name object and not its text, because Go compares the encoded bytes of issuer and subject.
      issuer: issuer.subjectName,
      notBefore: addDays(validity.now, -BACKDATE_DAYS),
      notAfter: addDays(validity.now, validity.days),
      signingAlgorithm: { ...signingKey.algorithm, hash: "SHA-256" },
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        ...extensions,
        await x509.SubjectKeyIdentifierExtension.create(
          keys.publicKey,
          false,
          crypto,
        ),
        new x509.AuthorityKeyIdentifierExtension(
          await keyIdentifier(issuer, crypto),
        ),
      ],
    },
    crypto,
  );
  return {
    certificate: pem("CERTIFICATE", certificate.rawData),
    key: secret(keys.keyPem),
  };
};

type ClientSubject = {
  /** The user name that Kubernetes sees. */
  readonly commonName: string;
  /** The group that Kubernetes sees. */
  readonly organization: string;
};

/**
 * A client certificate on P-256 signed by `authority`, valid for `days` from `now`.
 *
 * Kubernetes takes CN as the user and O as the group.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
 */
export const makeClientCertificate = async (
  subject: ClientSubject,
  authority: CertificateAndKey,
  validity: Validity,
  crypto: Crypto,
): Promise<CertificateAndKey> => {
  const x509 = await loadX509();
  return signCertificate(
    [{ O: [subject.organization] }, { CN: [subject.commonName] }],
    [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ],
    authority,
    validity,
    crypto,
  );
};

/**
 * The key pair that signs service account tokens.
 *
 * RSA 2048 is what kubeadm makes by default. The API server could also sign with ES256, but RS256 is the one algorithm that
 * every reader of OpenID Connect tokens must support.
 * https://github.com/kubernetes/kubernetes/blob/v1.36.2/pkg/serviceaccount/jwt.go
 * https://openid.net/specs/openid-connect-core-1_0.html#ServerMTI
 */
export const makeServiceAccountKeys = async (
  crypto: Crypto,
): Promise<KeyPair> => {
  const keys = await crypto.subtle.generateKey(
    {
      name: "RSASSA-PKCS1-v1_5",
      hash: "SHA-256",
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
    true,
    ["sign", "verify"],
  );
  const [spki, pkcs8] = await Promise.all([
    crypto.subtle.exportKey("spki", keys.publicKey),
    crypto.subtle.exportKey("pkcs8", keys.privateKey),
  ]);
  return {
    publicKey: pem("PUBLIC KEY", spki),
    key: secret(pem("PRIVATE KEY", pkcs8)),
  };
};
