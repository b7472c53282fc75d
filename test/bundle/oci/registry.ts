// Debian's container registry on this computer, filled by skopeo, and a front for it with the ways and the faults of others.
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { closeServer } from "../../base/http-server.ts";

export type Registry = {
  /** "127.0.0.1:1234" */
  readonly host: string;
  /** Copies an image to the registry; `name` is such as "team/app:1". */
  readonly push: (
    from: string,
    name: string,
    ...more: string[]
  ) => Promise<void>;
  readonly close: () => Promise<void>;
};

export const startRegistry = async (): Promise<Registry> => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-registry-"));
  const config = join(folder, "config.json");
  // YAML reads JSON as well.
  writeFileSync(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: "info", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(folder, "store") } },
      http: { addr: "127.0.0.1:0", secret: "one" },
    }),
  );
  const child = spawn("docker-registry", ["serve", config], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise<void>((resolve) => {
    child.on("close", () => resolve());
  });
  const host = await new Promise<string>((resolve, reject) => {
    const said: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      const found = /listening on ([\d.]+:\d+)/.exec(line)?.[1];
      if (found !== undefined) {
        resolve(found);
      }
    });
    child.on("close", () => reject(new Error(said.join("\n"))));
    child.on("error", reject);
  });
  return {
    host,
    push: async (from, name, ...more) => {
      await promisify(execFile)("skopeo", [
        "copy",
        "--quiet",
        "--insecure-policy",
        "--dest-tls-verify=false",
        ...more,
        from,
        `docker://${host}/${name}`,
      ]);
    },
    close: async () => {
      child.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

export type Asked = {
  /** Such as "/v2/team/app/manifests/1?ns=x". */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
};

/** Answers where it wants to; undefined leaves it to the registry. */
type Fault = (
  request: IncomingMessage,
  response: ServerResponse,
) => true | undefined;

export type Front = {
  readonly address: string;
  readonly host: string;
  /** Every request, in order. */
  readonly asked: Asked[];
  /** The paths of `asked`. */
  readonly paths: () => readonly string[];
  /** Asked first; tests change it. */
  fault: Fault;
};

/** Hands on what the registry says; asked through a proxy as well. */
export const startFront = async (registry: Registry): Promise<Front> => {
  const asked: Asked[] = [];
  const front = {
    fault: (() => undefined) as Fault,
  };
  const server = createServer((request, response) => {
    request.url = (request.url ?? "").replace(/^http:\/\/[^/]*/, "");
    asked.push({ url: request.url, headers: { ...request.headers } });
    if (front.fault(request, response) === true) {
      return;
    }
    const [address, port] = registry.host.split(":");
    const upstream = httpRequest(
      {
        host: address,
        port,
        path: request.url,
        headers: { ...request.headers, host: registry.host },
        agent: false,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    upstream.on("error", () => response.destroy());
    response.on("close", () => upstream.destroy());
    upstream.end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => closeServer(server));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(front, {
    address: `http://${host}`,
    host,
    asked,
    paths: () => asked.map(({ url }) => url.split("?")[0] ?? ""),
  });
};

/** Gives tokens for themselves to everybody, each good for `uses` requests. */
export const demandTokens = (
  front: Front,
  uses = Number.POSITIVE_INFINITY,
): void => {
  const left = new Map<string, number>();
  const { fault } = front;
  front.fault = (request, response) => {
    const url = new URL(request.url ?? "", front.address);
    if (url.pathname === "/token") {
      const scope = url.searchParams.get("scope") ?? "";
      const token = `${scope}#${left.size}`;
      left.set(`Bearer ${token}`, uses);
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ token, expires_in: 60 }));
      return true;
    }
    const given = request.headers.authorization ?? "";
    const good = left.get(given) ?? 0;
    const repository = /^\/v2\/(.*)\/(?:manifests|blobs)\//.exec(url.pathname);
    const scope = `repository:${repository?.[1]}:pull`;
    if (good === 0 || !given.startsWith(`Bearer ${scope}#`)) {
      response.setHeader(
        "www-authenticate",
        `Bearer realm="${front.address}/token",service="the, \\"front\\"",scope="${scope}"`,
      );
      response.writeHead(401).end('{"errors":[]}');
      return true;
    }
    left.set(given, good - 1);
    return fault(request, response);
  };
};
