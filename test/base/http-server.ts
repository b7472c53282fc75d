// A web server on this computer that serves files, with any fault that a test asks for.
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { decodePercent } from "../../src/network/decode-percent.ts";

export type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
) => void;

type TestServer = {
  /** "http://127.0.0.1:1234/" */
  readonly address: string;
  /** "path" or "path range" of every request, in order. */
  readonly requests: string[];
  /** What answers; tests may change it. */
  readonly files: Map<string, Buffer | Handler>;
  readonly close: () => Promise<void>;
};

/** Serves any one range, as static servers do: "bytes=0-99", "bytes=100-" and "bytes=-100". */
export const serveRanges =
  (data: Buffer, etag = '"1"'): Handler =>
  (request, response) => {
    const [, from = "", to = ""] =
      /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    response.setHeader("etag", etag);
    response.setHeader("content-type", "application/octet-stream");
    if (from === "" && to === "") {
      response.end(data);
      return;
    }
    const start =
      from === "" ? Math.max(data.length - Number(to), 0) : Number(from);
    const end =
      from === "" || to === ""
        ? data.length
        : Math.min(Number(to) + 1, data.length);
    response.statusCode = 206;
    response.setHeader(
      "content-range",
      `bytes ${start}-${end - 1}/${data.length}`,
    );
    response.end(data.subarray(start, end));
  };

/** Serves a file whole or from a place, as good servers do. */
export const serveFile =
  (data: Buffer, etag = '"1"'): Handler =>
  (request, response) => {
    const start = Number(
      /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? Number.NaN,
    );
    const same = request.headers["if-range"] === etag;
    response.setHeader("etag", etag);
    response.setHeader("content-type", "application/octet-stream");
    if (Number.isNaN(start) || !same) {
      response.setHeader("content-length", data.length);
      response.end(data);
    } else if (start >= data.length) {
      response.statusCode = 416;
      response.setHeader("content-range", `bytes */${data.length}`);
      response.end();
    } else {
      response.statusCode = 206;
      response.setHeader(
        "content-range",
        `bytes ${start}-${data.length - 1}/${data.length}`,
      );
      response.setHeader("content-length", data.length - start);
      response.end(data.subarray(start));
    }
  };

export const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.closeAllConnections();
    server.close(() => resolve());
  });

export const startServer = async (): Promise<TestServer> => {
  const requests: string[] = [];
  const files = new Map<string, Buffer | Handler>();
  const server = createServer((request, response) => {
    const path = decodePercent((request.url ?? "").split("?")[0] ?? "");
    requests.push(
      [path, request.headers.range].filter(Boolean).join(" ").slice(1),
    );
    const found = files.get(path.slice(1));
    if (found === undefined) {
      response.statusCode = 404;
      response.end("no such file");
    } else if (Buffer.isBuffer(found)) {
      serveFile(found)(request, response);
    } else {
      found(request, response);
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => closeServer(server));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}/`,
    requests,
    files,
    close: () => closeServer(server),
  };
};

/** An address where nothing listens. */
export const deadAddress = async (): Promise<string> => {
  const server = await startServer();
  await server.close();
  return server.address;
};
