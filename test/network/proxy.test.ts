// Proxies: which address goes through which, and real requests through one, to http and https servers.
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";
import { describe, expect, it, onTestFinished } from "vitest";
import { fetchSmall } from "../../src/network/fetch-small.ts";
import { proxyFor } from "../../src/network/proxy.ts";
import { describeWithTools } from "../support/tools.ts";
import { outcomeOf, testOptions } from "../base/base-options.ts";
import { getTrusting } from "../base/get-trusting.ts";
import { closeServer, type Handler, startServer } from "../base/http-server.ts";
import { startSecure } from "../base/secure-server.ts";

describe("the proxy of an address", () => {
  const of = (address: string, env: NodeJS.ProcessEnv) =>
    proxyFor(new URL(address), env)?.href;
  const proxy = "http://proxy:3128/";

  it.each([
    ["https://a.example/", { https_proxy: proxy }, proxy],
    ["https://a.example/", { HTTPS_PROXY: "proxy:3128" }, proxy],
    ["https://a.example/", { http_proxy: proxy }, undefined],
    ["http://a.example/", { http_proxy: proxy }, proxy],
    ["http://a.example/", { all_proxy: proxy }, proxy],
    ["http://a.example/", { http_proxy: "" }, undefined],
  ])("%s with %o is %s", (address, env, expected) => {
    expect(of(address, env)).toBe(expected);
  });

  it.each([
    ["*", true],
    ["a.example", true],
    ["example", true],
    [".example", true],
    ["*.example", true],
    ["other, a.example", true],
    ["a.example:80", true],
    ["a.example:8080", false],
    ["ample", false],
    ["b.example", false],
    ["", false],
  ])("is none with no_proxy=%s: %s", (list, exempt) => {
    const env = { http_proxy: proxy, no_proxy: list };
    expect(of("http://a.example/", env)).toBe(exempt ? undefined : proxy);
  });

  it("may be exempt for an IPv6 address", () => {
    const env = { http_proxy: proxy, no_proxy: "::1,[fe80::1]:81" };
    expect(of("http://[::1]/", env)).toBeUndefined();
    expect(of("http://[fe80::1]:81/", env)).toBeUndefined();
    expect(of("http://[fe80::1]/", env)).toBe(proxy);
  });

  it("of another kind is refused without showing its password", async () => {
    const outcome = await outcomeOf(
      Promise.resolve().then(() =>
        of("http://a/", { http_proxy: "socks5://u:secret@proxy" }),
      ),
    );
    expect(outcome).toBe(
      "WRONG_ARGUMENTS 2: the proxy in http_proxy is not an http or https address",
    );
  });
});

/** A proxy that writes down what it was asked for. */
const startProxy = async (allowed = true) => {
  const asked: string[] = [];
  const tunnels = new Set<Duplex>();
  const note = (request: IncomingMessage) => {
    const who = request.headers["proxy-authorization"] ?? "nobody";
    asked.push(`${request.method} ${request.url} by ${who}`);
  };
  const server = createServer((request, response) => {
    note(request);
    response.end("from the proxy");
  });
  server.on("connect", (request: IncomingMessage, socket) => {
    note(request);
    tunnels.add(socket);
    if (!allowed) {
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      return;
    }
    const [host, port] = (request.url ?? "").split(":");
    const upstream = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.pipe(socket);
      socket.pipe(upstream);
    });
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(async () => {
    // The client closes its tunnels by itself.
    await expect
      .poll(() => [...tunnels].filter((socket) => !socket.destroyed))
      .toEqual([]);
    await closeServer(server);
  });
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, asked };
};

describe("a request through a proxy", () => {
  const get = async (url: string, env: NodeJS.ProcessEnv) =>
    (await fetchSmall(new URL(url), 1000, testOptions(env))).toString();

  it("for http names the whole address, without the server's password", async () => {
    const { address, asked } = await startProxy();
    const env = { http_proxy: `http://u:p%40ss@${address}` };
    expect(await get("http://ana:secret@far.example:81/a?b=c", env)).toBe(
      "from the proxy",
    );
    const login = Buffer.from("u:p@ss").toString("base64");
    expect(asked).toEqual([
      `GET http://far.example:81/a?b=c by Basic ${login}`,
    ]);
  });

  it("is not made for a server that is exempt", async () => {
    const { address, asked } = await startProxy();
    const server = await startServer();
    server.files.set("a", Buffer.from("direct"));
    const env = { http_proxy: address, no_proxy: "127.0.0.1" };
    expect(await get(`${server.address}a`, env)).toBe("direct");
    expect(asked).toEqual([]);
  });

  it("that refuses, or is not there, means no network", async () => {
    const { address } = await startProxy(false);
    const kindOf = (env: NodeJS.ProcessEnv) =>
      get("https://far.example/", env).catch((error: unknown) =>
        error instanceof Error && "kind" in error
          ? `${String(error.kind)}: ${error.message}`
          : error,
      );
    expect(await kindOf({ https_proxy: address })).toBe(
      `unreachable: the proxy ${address} does not connect to far.example:443 (status 403)`,
    );
    expect(await kindOf({ https_proxy: "127.0.0.1:1" })).toBe(
      "unreachable: the proxy 127.0.0.1:1 cannot be reached (ECONNREFUSED)",
    );
  });
});

const overTls: Handler = (_, response) => response.end("over TLS");

describeWithTools(["openssl"], "a request over TLS", () => {
  it("goes through a tunnel, and directly", async () => {
    const { address, asked } = await startProxy();
    const { address: server, cert } = await startSecure(overTls);
    const env = { https_proxy: `http://u:p@${address}` };
    expect(
      await Promise.all([
        getTrusting(server, cert, env),
        getTrusting(server, cert, {}),
      ]),
    ).toEqual(["over TLS", "over TLS"]);
    const login = Buffer.from("u:p").toString("base64");
    expect(asked).toEqual([
      `CONNECT ${new URL(server).host} by Basic ${login}`,
    ]);
  });

  it("to a server that nobody vouches for is refused, tunnel or not", async () => {
    const { address } = await startProxy();
    const { address: server } = await startSecure(overTls);
    for (const env of [{}, { https_proxy: address }]) {
      const error: unknown = await fetchSmall(
        new URL(server),
        1000,
        testOptions(env),
      ).catch((reason: unknown) => reason);
      expect(String(error)).toContain("does not prove who it is");
    }
  });
});
