// Asks the API server a question with the administrator's certificate, trusting the cluster's own CA only.
import { request } from "node:https";
import type { CertificateAndKey } from "../kubernetes/cluster-secrets.ts";
import { UserError } from "../report/user-error.ts";

export type ApiServer = {
  /** Where to connect to: an address. */
  readonly address: string;
  readonly port: number;
  /** The name that the server's certificate must carry, whatever address it has today. */
  readonly name: string;
  /** PEM of the cluster CA. */
  readonly ca: string;
  readonly client: CertificateAndKey;
};

/** Why the API server gave no answer; `trust` needs a person, the others may pass by themselves. */
export type ApiFailure = {
  readonly kind: "unreachable" | "starting" | "trust" | "refused";
  readonly message: string;
};

export type ApiAnswer =
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly failure: ApiFailure };

const TIMEOUT_MS = 5000;

/** OpenSSL's names for a chain that does not end in our CA. https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const FOREIGN_CA = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
]);

const explain = (
  server: ApiServer,
  error: NodeJS.ErrnoException,
): ApiFailure => {
  const where = `${server.address}:${server.port}`;
  const code = error.code ?? "";
  if (FOREIGN_CA.has(code)) {
    return {
      kind: "trust",
      message: `the API server at ${where} belongs to another cluster: its certificate is not from this cluster's CA`,
    };
  }
  if (code === "CERT_NOT_YET_VALID" || code === "CERT_HAS_EXPIRED") {
    return {
      kind: "trust",
      message: `the certificate of the API server at ${where} is not valid now; compare the clocks of this computer and the node`,
    };
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return {
      kind: "trust",
      message: `the API server at ${where} does not call itself ${server.name}`,
    };
  }
  if (code === "ECONNREFUSED" || code === "ECONNRESET") {
    return {
      kind: "starting",
      message: `the API server at ${where} does not listen yet`,
    };
  }
  return {
    kind: "unreachable",
    message: `the API server at ${where} does not answer (${code || error.message})`,
  };
};

const answerFor = (status: number, text: string): ApiAnswer => {
  if (status === 200) {
    return { ok: true, body: JSON.parse(text) as unknown };
  }
  if (status === 401 || status === 403) {
    return {
      ok: false,
      failure: {
        // 403 also comes while init has not yet bound the administrators' group.
        kind: status === 401 ? "refused" : "starting",
        message:
          status === 401
            ? "the API server does not accept the administrator's certificate; run `pi-image build` to renew it"
            : "the API server does not know the administrators yet",
      },
    };
  }
  return {
    ok: false,
    failure: {
      kind: "starting",
      message: `the API server answers with status ${status}`,
    },
  };
};

/** GET of one path of the Kubernetes API. Never throws for what a network can do; throws CANCELLED when stopped. */
export const askApi = (
  server: ApiServer,
  path: string,
  signal: AbortSignal,
): Promise<ApiAnswer> =>
  new Promise((resolve, reject) => {
    const call = request(
      {
        host: server.address,
        port: server.port,
        path,
        servername: server.name,
        ca: server.ca,
        cert: server.client.certificate,
        key: server.client.key.reveal(),
        timeout: TIMEOUT_MS,
        headers: { accept: "application/json" },
        // One connection a question: a node that reboots must not leave a dead one in a pool.
        agent: false,
        signal,
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", (error) => call.destroy(error));
        response.on("end", () => {
          try {
            resolve(
              answerFor(
                response.statusCode ?? 0,
                Buffer.concat(parts).toString("utf8"),
              ),
            );
          } catch (error) {
            resolve({
              ok: false,
              failure: {
                kind: "starting",
                message: `the API server's answer is not JSON: ${String(error)}`,
              },
            });
          }
        });
      },
    );
    call.on("timeout", () => {
      call.destroy(Object.assign(new Error("timeout"), { code: "ETIMEDOUT" }));
    });
    call.on("error", (error: NodeJS.ErrnoException) => {
      if (signal.aborted) {
        reject(new UserError("CANCELLED", "the run was stopped"));
      } else {
        resolve({ ok: false, failure: explain(server, error) });
      }
    });
    call.end();
  });
