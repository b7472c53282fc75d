// Says in words why a connection to the API server failed.
import type { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import {
  type ApiFailure,
  type ApiServer,
  apiServerPlace,
} from "./reach-api-server.ts";

// Reads the certificate that an API server shows, without trusting it: to explain why it is not trusted.

const TIMEOUT_MS = 3000;

/** The server's certificate; undefined when it shows none. Nothing secret is sent. */
const readServerCertificate = ({
  address,
  port,
  name,
}: ApiServer): Promise<X509Certificate | undefined> =>
  new Promise((resolve) => {
    const socket = connect({
      host: address,
      port,
      servername: name,
      // What the certificate says is only shown, never trusted.
      rejectUnauthorized: false,
      timeout: TIMEOUT_MS,
    });
    const finish = (certificate: X509Certificate | undefined): void => {
      socket.destroy();
      resolve(certificate);
    };
    socket.on("secureConnect", () => finish(socket.getPeerX509Certificate()));
    socket.on("timeout", () => finish(undefined));
    socket.on("error", () => finish(undefined));
  });

/** OpenSSL's names for a chain that does not end in our CA. https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const FOREIGN_CA = new Set([
  "CERT_SIGNATURE_FAILURE",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** A date such as "2026-11-20 12:00 UTC". */
export const minute = (date: Date): string =>
  `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;

const clockFailure = (
  server: ApiServer,
  certificate: X509Certificate | undefined,
  now: Date,
): ApiFailure => {
  const begins = new Date(certificate?.validFrom ?? Number.NaN);
  const ends = new Date(certificate?.validTo ?? Number.NaN);
  const here = `this computer's clock says ${minute(now)}`;
  const whose = `the certificate of the API server at ${apiServerPlace(server)}`;
  if (begins > now) {
    return {
      kind: "clock",
      message: `${whose} begins only on ${minute(begins)}, and ${here}`,
      hint: "set this computer's clock; if it is right, the node's was wrong when it made the certificate",
    };
  }
  return ends < now
    ? {
        kind: "clock",
        message: `${whose} ended on ${minute(ends)}, and ${here}`,
        hint: "set this computer's clock; if it is right, run on the control plane: sudo kubeadm certs renew all, and restart it",
      }
    : {
        kind: "clock",
        message: `${whose} is not valid now, and ${here}`,
        hint: "compare it with the clock of the control plane",
      };
};

const misnamed = (
  server: ApiServer,
  certificate: X509Certificate | undefined,
): ApiFailure => {
  const names = (certificate?.subjectAltName ?? "")
    .split(", ")
    .map((name) => name.replace(/^(?:DNS|IP Address):/, ""));
  return {
    kind: "misnamed",
    message: `the API server at ${apiServerPlace(server)} belongs to this cluster, but its certificate is for ${names.join(", ")}, not for ${server.name}`,
    hint: "put the endpoint that the cluster was made with back into the inventory",
  };
};

/** `error` is what node:https says about the connection. */
export const explainConnection = async (
  server: ApiServer,
  error: NodeJS.ErrnoException,
  now: Date,
): Promise<ApiFailure> => {
  const where = apiServerPlace(server);
  const code = error.code ?? "";
  if (FOREIGN_CA.has(code)) {
    return {
      kind: "foreign",
      message: `the API server at ${where} belongs to another cluster: its certificate is not from this cluster's CA`,
      hint: "use the secrets file with which the running cluster was made, or flash the control plane's card again",
    };
  }
  switch (code) {
    case "CERT_NOT_YET_VALID":
    case "CERT_HAS_EXPIRED":
      return clockFailure(server, await readServerCertificate(server), now);
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return misnamed(server, await readServerCertificate(server));
    case "ECONNREFUSED":
    case "ECONNRESET":
      return {
        kind: "starting",
        message: `the API server at ${where} is not listening yet`,
      };
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return {
        kind: "starting",
        message: `what listens at ${where} is not an API server`,
      };
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return {
        kind: "unreachable",
        message: `nothing answers at ${where}, where the API server should be`,
      };
    default:
      return {
        kind: "unreachable",
        message: `the API server at ${where} does not answer (${code === "" ? error.message : code})`,
      };
  }
};
