// One HTTP GET with redirects, proxies and time limits. Node's own fetch ignores proxies before version 24.
import { request as httpRequest } from "node:http";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { NetworkFailure, networkFailure } from "./network-failure.ts";
import { basicAuthorization, bareHost, proxyFor } from "./proxy.ts";
import { openTunnel } from "./proxy-tunnel.ts";

const MAX_REDIRECTS = 5;
const CONNECT_TIMEOUT = 15_000;
const IDLE_TIMEOUT = 60_000;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export type HttpOptions = {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Their names in lower case. A redirect to another origin takes along only those that tell nothing of who asks. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly userAgent: string;
  /** Milliseconds within which a connection must be made, and between two pieces of an answer. */
  readonly connectTimeout?: number;
  readonly idleTimeout?: number;
};

/** An address for messages: no user, password, or query, which may carry a token. */
export const shownUrl = (url: URL): string =>
  `${url.protocol}//${url.host}${url.pathname}`;

/** Sends the request and waits for the headers of the answer. */
const finish = (
  request: ClientRequest,
  host: string,
  { connectTimeout = CONNECT_TIMEOUT, idleTimeout = IDLE_TIMEOUT }: HttpOptions,
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      request.destroy(
        new NetworkFailure(
          "unreachable",
          `${host} did not answer within ${connectTimeout / 1000} s`,
        ),
      );
    }, connectTimeout);
    const connected = () => clearTimeout(timer);
    request.on("socket", (socket) => {
      if (socket.connecting) {
        socket.once("connect", connected);
      } else {
        connected();
      }
    });
    let answer: IncomingMessage | undefined;
    request.setTimeout(idleTimeout, () => {
      // Destroying the answer gives its reader this reason; destroying the request would only give "aborted".
      (answer ?? request).destroy(
        new NetworkFailure(
          "broken",
          `${host} sent nothing for ${idleTimeout / 1000} s`,
        ),
      );
    });
    request.on("error", (error) => {
      connected();
      reject(networkFailure(host, error));
    });
    request.on("response", (response) => {
      answer = response;
      resolve(response);
    });
    request.end();
  });

/** The same request, through the proxy's tunnel to an https server. */
const sendThroughTunnel = async (
  url: URL,
  proxy: URL,
  request: RequestOptions,
  options: HttpOptions,
): Promise<IncomingMessage> => {
  const socket = await openTunnel(url, proxy, {
    signal: options.signal,
    timeout: options.connectTimeout ?? CONNECT_TIMEOUT,
  });
  const host = bareHost(url);
  const tunneled = httpsRequest({
    ...request,
    createConnection: () =>
      // Only a name may be the servername: RFC 6066 allows no addresses there.
      tlsConnect({ socket, host, servername: isIP(host) === 0 ? host : "" }),
  });
  // TLS closes itself, but not the socket that it was given.
  tunneled.once("close", () => socket.destroy());
  return finish(tunneled, url.host, options);
};

const send = (url: URL, options: HttpOptions): Promise<IncomingMessage> => {
  const authorization = basicAuthorization(url);
  const headers = {
    host: url.host,
    "user-agent": options.userAgent,
    // A body that is compressed for transfer could not be resumed.
    "accept-encoding": "identity",
    ...(authorization === undefined ? {} : { authorization }),
    ...options.headers,
  };
  const request: RequestOptions = {
    method: "GET",
    host: bareHost(url),
    port: url.port,
    path: `${url.pathname}${url.search}`,
    headers,
    signal: options.signal,
    agent: false,
  };
  const proxy = proxyFor(url, options.env);
  if (url.protocol === "https:") {
    return proxy === undefined
      ? finish(httpsRequest(request), url.host, options)
      : sendThroughTunnel(url, proxy, request, options);
  }
  if (proxy === undefined) {
    return finish(httpRequest(request), url.host, options);
  }
  const proxyAuthorization = basicAuthorization(proxy);
  return finish(
    (proxy.protocol === "https:" ? httpsRequest : httpRequest)({
      ...request,
      host: bareHost(proxy),
      port: proxy.port,
      path: `${url.protocol}//${url.host}${url.pathname}${url.search}`,
      headers: {
        ...headers,
        ...(proxyAuthorization === undefined
          ? {}
          : { "proxy-authorization": proxyAuthorization }),
      },
    }),
    `the proxy ${proxy.host}`,
    options,
  );
};

/** Where a redirect leads. Credentials are dropped when the host changes, and a redirect from https to http is refused. */
const redirected = (url: URL, response: IncomingMessage): URL => {
  const location = response.headers.location ?? "";
  const next = URL.canParse(location, url.href)
    ? new URL(location, url.href)
    : undefined;
  if (url.protocol === "https:" && next?.protocol === "http:") {
    throw new NetworkFailure(
      "refused",
      `${url.host} redirects to ${shownUrl(next)}, without encryption, and that is not followed: name a server with a copy over https (base fetch --mirror, or cluster.mirrors in the inventory)`,
    );
  }
  if (next === undefined || !["http:", "https:"].includes(next.protocol)) {
    throw new NetworkFailure(
      "refused",
      `${url.host} redirects to an address that is not followed`,
    );
  }
  if (next.origin === url.origin && next.username === "") {
    next.username = url.username;
    next.password = url.password;
  }
  return next;
};

/** What any server may know of a request; all other headers may hold a token. */
const HARMLESS: ReadonlySet<string> = new Set(["accept", "range", "if-range"]);

const withHarmlessHeaders = ({
  headers,
  ...options
}: HttpOptions): HttpOptions => ({
  ...options,
  headers: Object.fromEntries(
    Object.entries(headers ?? {}).filter(([name]) => HARMLESS.has(name)),
  ),
});

/** The answer, its body not yet read, after redirects. Throws NetworkFailure. */
export const httpGet = async (
  start: URL,
  options: HttpOptions,
): Promise<IncomingMessage> => {
  let url = start;
  // For good, as with browsers: whoever is asked in between could choose the address to come back to.
  // https://fetch.spec.whatwg.org/#http-redirect-fetch
  let away = false;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const response = await send(
      url,
      away ? withHarmlessHeaders(options) : options,
    );
    const { statusCode = 0 } = response;
    if (away && statusCode === 401) {
      response.destroy();
      // Its challenge is not the one of the server that was asked, and must not be taken for it.
      throw new NetworkFailure(
        "refused",
        `${start.host} redirects to ${url.host}, which demands a login (status 401) and is given none`,
      );
    }
    if (!REDIRECTS.has(statusCode)) {
      return response;
    }
    response.destroy();
    const next = redirected(url, response);
    away ||= next.origin !== url.origin;
    url = next;
  }
  throw new NetworkFailure(
    "refused",
    `${start.host} redirects more than ${MAX_REDIRECTS} times`,
  );
};
