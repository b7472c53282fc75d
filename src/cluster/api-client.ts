// Asks the API server a question with the administrator's certificate, trusting the cluster's own CA only.
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { ifOneOf } from "../report/expected-failure.ts";
import {
  type ApiFailure,
  type ApiServer,
  apiServerPlace,
} from "./reach-api-server.ts";
import { explainConnection, minute } from "./explain-connection.ts";

export type ApiAnswer =
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly failure: ApiFailure };

export type Asking = {
  readonly signal: AbortSignal;
  readonly now: () => Date;
};

/** The limit for a whole request, from the first byte to the last. */
const TIMEOUT_MS = 8000;

/** A thousand nodes with all their conditions and images take a fifth of this. */
const BODY_LIMIT = 64 * 1024 * 1024;

/**
 * Both this computer and the server judge certificates by their own clocks; a difference as large as this is worth
 * mentioning.
 */
const SKEW_MS = 5 * 60 * 1000;

const failed = (
  kind: ApiFailure["kind"],
  message: string,
  hint?: string,
): ApiAnswer => ({ ok: false, failure: { kind, message, hint } });

const refused = (server: ApiServer, date: string, now: Date): ApiAnswer => {
  const there = new Date(date);
  const skewed = Math.abs(there.getTime() - now.getTime()) > SKEW_MS;
  return failed(
    "refused",
    `the API server at ${apiServerPlace(server)} does not accept the administrator's certificate${
      skewed
        ? `: its clock says ${minute(there)}, this computer's ${minute(now)}`
        : ""
    }`,
    skewed
      ? "set the clock that is wrong"
      : "if the secrets are new, the control plane's card must be, too: flash it again",
  );
};

const readBody = async (response: IncomingMessage): Promise<string> => {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > BODY_LIMIT) {
      throw new Error("the answer does not end");
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
};

const answerOf = async (
  server: ApiServer,
  response: IncomingMessage,
  now: Date,
): Promise<ApiAnswer> => {
  const text = await readBody(response);
  switch (response.statusCode) {
    case 200:
      try {
        return { ok: true, body: JSON.parse(text) };
      } catch (error) {
        return ifOneOf(
          error,
          [SyntaxError],
          failed(
            "starting",
            `what answers at ${apiServerPlace(server)} is not an API server`,
          ),
        );
      }
    case 401:
      return refused(server, response.headers.date ?? "", now);
    case 403:
      // This may pass: `kubeadm init` gives the administrators' group its rights only after the API server has begun to
      // answer.
      return failed(
        "starting",
        "the API server answers and does not know the cluster's administrators yet",
      );
    default:
      return failed(
        "starting",
        `the API server answers with status ${response.statusCode}`,
      );
  }
};

const send = (
  server: ApiServer,
  path: string,
  signal: AbortSignal,
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request({
      host: server.address,
      port: server.port,
      path,
      servername: server.name,
      ca: server.ca,
      cert: server.client.certificate,
      key: server.client.key.reveal(),
      headers: { accept: "application/json" },
      // Each question has its own connection, because a node that reboots would leave a dead one in a pool.
      agent: false,
      signal,
    })
      .on("response", resolve)
      .on("error", reject)
      .end();
  });

/**
 * GET of one path of the Kubernetes API. Failures of the network or the server are returned, not thrown.
 *
 * @throws UserError CANCELLED when the signal stops it
 */
export const askApi = async (
  server: ApiServer,
  path: string,
  { signal, now }: Asking,
): Promise<ApiAnswer> => {
  const slow = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await send(server, path, AbortSignal.any([signal, slow]));
    return await answerOf(server, response, now());
  } catch (error) {
    signal.throwIfAborted();
    const known = error as NodeJS.ErrnoException;
    return {
      ok: false,
      failure: await explainConnection(
        server,
        slow.aborted
          ? Object.assign(new Error("timeout"), { code: "ETIMEDOUT" })
          : known,
        now(),
      ),
    };
  }
};
