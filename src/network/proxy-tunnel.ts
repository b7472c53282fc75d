// Asks an HTTP proxy for a tunnel, through which TLS then speaks to the server itself.
// https://www.rfc-editor.org/rfc/rfc9110#name-connect
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { NetworkFailure, networkFailure } from "./network-failure.ts";
import { bareHost, basicAuthorization } from "./proxy.ts";

/** A connection to the https server of `url` through the proxy. Throws NetworkFailure. */
export const openTunnel = (
  url: URL,
  proxy: URL,
  options: { readonly signal: AbortSignal; readonly timeout: number },
): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const target = `${url.hostname}:${url.port === "" ? 443 : url.port}`;
    const authorization = basicAuthorization(proxy);
    const send = proxy.protocol === "https:" ? httpsRequest : httpRequest;
    const request = send({
      method: "CONNECT",
      host: bareHost(proxy),
      port: proxy.port,
      path: target,
      headers: {
        host: target,
        ...(authorization === undefined
          ? {}
          : { "proxy-authorization": authorization }),
      },
      signal: options.signal,
      agent: false,
    });
    const failed = (error: unknown) => {
      const failure = networkFailure(proxy.host, error);
      reject(
        failure instanceof NetworkFailure
          ? new NetworkFailure(failure.kind, `the proxy ${failure.message}`, {
              cause: error,
            })
          : failure,
      );
    };
    // This event comes for every status, because what follows CONNECT is never an HTTP body.
    request.on("connect", (response, socket) => {
      if (response.statusCode === 200) {
        socket.setTimeout(0);
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(
        new NetworkFailure(
          response.statusCode === 407 ? "refused" : "unreachable",
          `the proxy ${proxy.host} does not connect to ${target} (status ${response.statusCode})`,
        ),
      );
    });
    request.setTimeout(options.timeout, () => {
      request.destroy(
        new NetworkFailure("unreachable", `${proxy.host} did not answer`),
      );
    });
    request.on("error", failed);
    request.end();
  });
