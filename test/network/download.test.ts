// Downloads from a server with faults: nothing is lost, nothing wrong is kept, and no fault is taken for the file.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { download } from "../../src/network/download.ts";
import { failureOf, networkFailureOf } from "../support/failure.ts";
import { testFolder, testOptions } from "../base/base-options.ts";
import {
  deadAddress,
  type Handler,
  serveFile,
  startServer,
} from "../base/http-server.ts";
import { data, sha256, breaking } from "../base/broken-file.ts";

describe("a download", () => {
  const setUp = async (handler: Buffer | Handler = data) => {
    const server = await startServer();
    server.files.set("a+b.img", handler);
    const path = join(testFolder(), "a.partial");
    const url = new URL(`${server.address}a%2Bb.img`);
    const options = testOptions();
    const run = () => download(url, path, options);
    const check = () =>
      createHash("sha256").update(readFileSync(path)).digest("hex");
    return { ...server, path, url, options, run, check };
  };

  it("is the file, with its hash and progress", async () => {
    const { run, check, options } = await setUp();
    expect(await run()).toEqual({ sha256, resumed: false });
    expect(check()).toBe(sha256);
    expect(options.events[0]).toMatchObject({
      phase: "download",
      subject: "a+b.img",
      total: data.length,
    });
    expect(options.events.at(-1)).toMatchObject({ done: data.length });
  });

  it("goes on where the connection broke", async () => {
    const { run, check, requests } = await setUp(breaking(2, 100_000));
    expect(await run()).toEqual({ sha256, resumed: true });
    expect(check()).toBe(sha256);
    expect(requests.length).toBe(3);
    expect(requests[1]).toMatch(/^a\+b\.img bytes=\d+-$/);
  });

  it("goes on where an earlier run was stopped", async () => {
    const { run, requests, url, path } = await setUp(breaking(1, 150_000));
    const stop = new AbortController();
    const first = download(url, path, {
      ...testOptions({}, stop.signal),
      report: (event) => {
        if (event.type === "notice") {
          stop.abort();
        }
      },
    });
    await expect(first).rejects.toThrow(/abort/i);
    const { length } = readFileSync(path);
    expect(length).toBeGreaterThan(0);
    expect(await run()).toEqual({ sha256, resumed: true });
    expect(requests).toEqual(["a+b.img", `a+b.img bytes=${length}-`]);
  });

  it("begins again when the file changed meanwhile", async () => {
    const { run, check, files, requests } = await setUp();
    const old = Buffer.alloc(data.length);
    let calls = 0;
    files.set("a+b.img", (request, response) => {
      calls += 1;
      if (calls === 1) {
        response.setHeader("etag", '"0"');
        response.setHeader("content-length", old.length);
        response.write(old.subarray(0, 150_000), () => response.destroy());
      } else {
        serveFile(data)(request, response);
      }
    });
    expect((await run()).sha256).toBe(sha256);
    expect(requests[1]).toMatch(/ bytes=\d+-$/);
    expect(check()).toBe(sha256);
  });

  it("begins again when the bytes on disk are of unknown origin", async () => {
    const { run, path, requests } = await setUp();
    writeFileSync(path, "left over");
    expect(await run()).toEqual({ sha256, resumed: false });
    expect(requests).toEqual(["a+b.img"]);
  });

  it("does not resume by a weak ETag", async () => {
    const { run, requests } = await setUp((request, response) => {
      serveFile(data, 'W/"1"')(request, response);
    });
    await run();
    await run();
    expect(requests).toEqual(["a+b.img", "a+b.img"]);
  });

  it.each([
    ["another place", (size: number) => `bytes 5-${size - 1}/${size}`],
    ["another size", (size: number) => `bytes 70000-${size}/${size + 1}`],
    ["no place at all", () => ""],
    ["nonsense", () => "bytes abc"],
  ])("is not put together from a part at %s", async (_, range) => {
    let calls = 0;
    const { run, check, requests } = await setUp((request, response) => {
      calls += 1;
      if (calls === 1) {
        breaking(1, 70_000)(request, response);
      } else if (calls === 2) {
        response.writeHead(206, {
          "content-range": range(data.length),
          etag: '"1"',
        });
        response.end(data.subarray(5));
      } else {
        serveFile(data)(request, response);
      }
    });
    expect((await run()).sha256).toBe(sha256);
    expect(check()).toBe(sha256);
    expect(requests.at(-1)).toBe("a+b.img");
  });

  it("ends where every break makes it begin again", async () => {
    const { url, path, options, requests } = await setUp(
      (request, response) => {
        if (request.headers.range === undefined) {
          breaking(1, 70_000)(request, response);
        } else {
          response.writeHead(416, { "content-range": "bytes */1" }).end();
        }
      },
    );
    const error = await networkFailureOf(download(url, path, options));
    expect(error.kind).toBe("broken");
    // Five in a row without a byte more than ever before; a break may come a piece later than another.
    expect(requests.length).toBeGreaterThanOrEqual(5);
    expect(requests.length).toBeLessThanOrEqual(15);
  });

  it("takes a whole file where only a part was asked for", async () => {
    let calls = 0;
    const { run } = await setUp((request, response) => {
      calls += 1;
      if (calls === 1) {
        breaking(1, 70_000)(request, response);
      } else {
        delete request.headers.range;
        serveFile(data)(request, response);
      }
    });
    expect((await run()).sha256).toBe(sha256);
  });

  it("gives up after five tries without a byte", async () => {
    const { run, requests, options } = await setUp((_, response) => {
      response.statusCode = 503;
      response.end();
    });
    expect((await networkFailureOf(run())).message).toContain(
      "with status 503",
    );
    expect(requests.length).toBe(5);
    expect(options.told().length).toBe(4);
  });

  it.each([
    ["announced", (size: number) => ({ "content-length": String(size) })],
    ["not announced", () => ({})],
  ])("ends where it can no longer be the file: %s", async (_, headers) => {
    const { url, path, options, requests } = await setUp((_, response) => {
      response.writeHead(200, headers(data.length));
      response.end(data);
    });
    const error = await failureOf(
      download(url, path, { ...options, limit: data.length - 1 }),
    );
    expect(error.code).toBe("CHECKSUM_MISMATCH");
    expect(requests.length).toBe(1);
    expect(
      (await download(url, path, { ...options, limit: data.length })).sha256,
    ).toBe(sha256);
  });

  it("waits as long as the server asks", async () => {
    let calls = 0;
    const { run, options } = await setUp((request, response) => {
      calls += 1;
      if (calls === 1) {
        response.writeHead(429, { "retry-after": "0" });
        response.end();
      } else {
        serveFile(data)(request, response);
      }
    });
    expect((await run()).sha256).toBe(sha256);
    expect(options.told()[0]).toContain("status 429; trying again in 0 s");
  });

  it.each([
    [404, "does not exist (status 404)"],
    [403, "with status 403"],
  ])("with status %i is not tried again", async (status, message) => {
    const { run, requests } = await setUp((_, response) => {
      response.statusCode = status;
      response.end();
    });
    expect((await networkFailureOf(run())).message).toContain(message);
    expect(requests.length).toBe(1);
  });

  it("refuses a web page", async () => {
    const { run, path } = await setUp((_, response) => {
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end("<html>Please log in");
    });
    expect((await networkFailureOf(run())).message).toContain(
      "a web page instead",
    );
    expect(readFileSync(path).length).toBe(0);
  });

  it("refuses a body that is encoded once more", async () => {
    const { run } = await setUp((_, response) => {
      response.setHeader("content-encoding", "gzip");
      response.end("x");
    });
    expect((await networkFailureOf(run())).message).toContain(
      "the encoding gzip",
    );
  });

  it("takes the bytes as they are sent of a file that is packed already", async () => {
    const { url, path, options, files } = await setUp();
    files.set("a.img.gz", (_, response) => {
      response.setHeader("content-encoding", "x-gzip");
      response.end(data);
    });
    const packed = new URL("a.img.gz", url);
    expect((await download(packed, path, options)).sha256).toBe(sha256);
    expect(Buffer.compare(readFileSync(path), data)).toBe(0);
  });

  it("names a server that is silent", async () => {
    const { url, path, options } = await setUp((_, response) => {
      response.writeHead(200, { "content-length": "10", etag: '"1"' });
      response.write("x");
    });
    const error = await networkFailureOf(
      download(url, path, { ...options, idleTimeout: 50 }),
    );
    expect(error.message).toContain("sent nothing for 0.05 s");
  });

  it("tells when nobody listens, without trying again", async () => {
    const options = testOptions();
    const url = new URL(`${await deadAddress()}a.img`);
    const error = await networkFailureOf(
      download(url, join(testFolder(), "a"), options),
    );
    expect([error.kind, error.message]).toEqual([
      "unreachable",
      `${url.host} cannot be reached (ECONNREFUSED)`,
    ]);
    expect(options.told()).toEqual([]);
  });

  it("tells when there is no such name", async () => {
    const url = new URL("http://no-such-host.invalid/a.img");
    const error = await networkFailureOf(
      download(url, join(testFolder(), "a"), testOptions()),
    );
    expect(error.kind).toBe("unreachable");
  });
});
