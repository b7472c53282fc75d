// Downloads from a server with faults: nothing is lost, nothing wrong is kept, and no fault is taken for the file.
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { download } from "../../src/base/download.ts";
import { fetchArchive } from "../../src/base/fetch-archive.ts";
import { fetchSmall } from "../../src/base/fetch-small.ts";
import { NetworkFailure } from "../../src/base/network-failure.ts";
import { describeAsRoot } from "../support/tools.ts";
import { failureOf, testFolder, testOptions } from "./base-options.ts";
import {
  deadAddress,
  type Handler,
  serveFile,
  startServer,
} from "./http-server.ts";

const data = Buffer.from(
  Array.from({ length: 300_000 }, (_, at) => (at * 7 + (at >> 9)) & 0xff),
);
const sha256 = createHash("sha256").update(data).digest("hex");

const failure = async (work: Promise<unknown>): Promise<NetworkFailure> => {
  const error: unknown = await work.then(
    () => new Error("this should have failed"),
    (reason: unknown) => reason,
  );
  if (error instanceof NetworkFailure) {
    return error;
  }
  throw error;
};

/** Breaks the connection after some bytes, the first `times` times. */
const breaking = (times: number, after: number): Handler => {
  let count = 0;
  return (request, response) => {
    count += 1;
    if (count > times) {
      serveFile(data)(request, response);
      return;
    }
    const end = response.end.bind(response);
    response.end = (body?: unknown) => {
      response.write((body as Buffer).subarray(0, after), () => {
        response.destroy();
      });
      return response;
    };
    serveFile(data)(request, response);
    response.end = end;
  };
};

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
    expect((await failure(run())).message).toContain("with status 503");
    expect(requests.length).toBe(5);
    expect(options.told().length).toBe(4);
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
    expect((await failure(run())).message).toContain(message);
    expect(requests.length).toBe(1);
  });

  it("refuses a web page", async () => {
    const { run, path } = await setUp((_, response) => {
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end("<html>Please log in");
    });
    expect((await failure(run())).message).toContain("a web page instead");
    expect(readFileSync(path).length).toBe(0);
  });

  it("refuses a body that is encoded once more", async () => {
    const { run } = await setUp((_, response) => {
      response.setHeader("content-encoding", "gzip");
      response.end("x");
    });
    expect((await failure(run())).message).toContain("the encoding gzip");
  });

  it("names a server that is silent", async () => {
    const { url, path, options } = await setUp((_, response) => {
      response.writeHead(200, { "content-length": "10", etag: '"1"' });
      response.write("x");
    });
    const error = await failure(
      download(url, path, { ...options, idleTimeout: 50 }),
    );
    expect(error.message).toContain("sent nothing for 0.05 s");
  });

  it("tells when nobody listens, without trying again", async () => {
    const options = testOptions();
    const url = new URL(`${await deadAddress()}a.img`);
    const error = await failure(
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
    const error = await failure(
      download(url, join(testFolder(), "a"), testOptions()),
    );
    expect(error.kind).toBe("unreachable");
  });
});

describe("a redirect", () => {
  const redirect =
    (to: string): Handler =>
    (_, response) => {
      response.writeHead(302, { location: to });
      response.end();
    };
  const get = async (url: string) =>
    (await fetchSmall(new URL(url), 1000, testOptions())).toString();

  it("is followed, and the password stays with its host", async () => {
    const first = await startServer();
    const second = await startServer();
    const seen: (string | undefined)[] = [];
    second.files.set("b", (request, response) => {
      seen.push(request.headers.authorization);
      response.end("here");
    });
    first.files.set("b", (request, response) => {
      seen.push(request.headers.authorization);
      response.end("home");
    });
    first.files.set("away", redirect(`${second.address}b`));
    first.files.set("home", redirect("/b"));
    const withPassword = first.address.replace("//", "//ana:secret@");
    expect(await get(`${withPassword}away`)).toBe("here");
    expect(await get(`${withPassword}home`)).toBe("home");
    expect(seen).toEqual([
      undefined,
      `Basic ${Buffer.from("ana:secret").toString("base64")}`,
    ]);
  });

  it("in a circle, or to something else than the web, ends", async () => {
    const server = await startServer();
    server.files.set("circle", redirect("/circle"));
    server.files.set("file", redirect("file:///etc/passwd"));
    server.files.set("none", redirect("http://"));
    const message = async (name: string) =>
      (await failure(get(`${server.address}${name}`))).message;
    expect(await message("circle")).toContain("more than 5 times");
    expect(await message("file")).toContain("is not followed");
    expect(await message("none")).toContain("is not followed");
  });

  it("shows no password and no token in a message", async () => {
    const server = await startServer();
    const url = `${server.address.replace("//", "//ana:secret@")}a?token=t0k`;
    const { message } = await failure(get(url));
    expect(message).toContain("/a does not exist");
    expect(message).not.toMatch(/secret|ana|t0k/);
  });
});

describe("a small file", () => {
  it("beyond its limit is refused", async () => {
    const server = await startServer();
    server.files.set("list", Buffer.alloc(1001));
    const work = fetchSmall(
      new URL(`${server.address}list`),
      1000,
      testOptions(),
    );
    expect((await failure(work)).message).toContain("larger than 1000 bytes");
  });
  it("is fetched again after a break", async () => {
    const server = await startServer();
    server.files.set("list", breaking(2, 10));
    const bytes = await fetchSmall(
      new URL(`${server.address}list`),
      2 ** 20,
      testOptions(),
    );
    expect(Buffer.compare(bytes, data)).toBe(0);
  });
});

describe("the cache", () => {
  const setUp = async (handler: Buffer | Handler = data) => {
    const server = await startServer();
    server.files.set("a.img", handler);
    const options = testOptions();
    const cache = options.env["PI_IMAGE_CACHE_HOME"] ?? "";
    const wanted = (digest: string | undefined) => ({
      urls: [new URL(`${server.address}a.img`)],
      sha256: digest,
      from: "the list",
      name: "a.img",
    });
    const kept = () =>
      readdirSync(cache, { recursive: true, encoding: "utf8" })
        .filter((name) => /^(archives|downloads)\/./.test(name))
        .toSorted();
    return { ...server, options, cache, wanted, kept };
  };

  it("holds an archive under its digest, downloaded once", async () => {
    const { wanted, options, requests, cache, kept } = await setUp();
    for (const _ of [1, 2]) {
      expect(await fetchArchive(wanted(sha256), options)).toEqual({
        path: join(cache, "archives", sha256),
        sha256,
      });
    }
    expect(requests.length).toBe(1);
    expect(kept()).toEqual([`archives/${sha256}`]);
  });

  it("is filled once by several builders at the same time", async () => {
    const { wanted, options, requests } = await setUp();
    const all = [1, 2, 3].map(() => fetchArchive(wanted(sha256), options));
    expect(new Set((await Promise.all(all)).map(({ path }) => path)).size).toBe(
      1,
    );
    expect(requests.length).toBe(1);
  });

  it("keeps nothing that differs from the list", async () => {
    const { wanted, options, kept } = await setUp();
    const other = sha256.replace(/^./, (digit) => (digit === "0" ? "1" : "0"));
    const error = await failureOf(fetchArchive(wanted(other), options));
    expect(error.code).toBe("CHECKSUM_MISMATCH");
    expect(error.facts).toEqual([`expected ${other}`, `found    ${sha256}`]);
    expect(kept()).toEqual([]);
  });

  it("gets the file whole when parts do not make it up", async () => {
    let calls = 0;
    const { wanted, options } = await setUp((request, response) => {
      calls += 1;
      if (calls === 1) {
        breaking(1, 70_000)(request, response);
      } else if (calls === 2) {
        // A correct head over the wrong bytes.
        serveFile(Buffer.alloc(data.length))(request, response);
      } else {
        serveFile(data)(request, response);
      }
    });
    expect((await fetchArchive(wanted(sha256), options)).sha256).toBe(sha256);
    expect(calls).toBe(3);
  });

  it("makes a corrupt entry anew", async () => {
    const { wanted, options, cache, requests } = await setUp();
    await fetchArchive(wanted(sha256), options);
    const path = join(cache, "archives", sha256);
    writeFileSync(path, Buffer.from(data).fill(1, 1000, 1001));
    await fetchArchive(wanted(sha256), options);
    expect(Buffer.compare(readFileSync(path), data)).toBe(0);
    expect(requests.length).toBe(2);
    expect(options.told()[0]).toContain("has changed since it was made");
  });

  it("takes what comes where no checksum is known", async () => {
    const { wanted, options } = await setUp();
    expect((await fetchArchive(wanted(undefined), options)).sha256).toBe(
      sha256,
    );
  });

  it("that cannot be written is told", async () => {
    const { wanted, options } = await setUp();
    const file = join(testFolder(), "file");
    writeFileSync(file, "");
    const env = { PI_IMAGE_CACHE_HOME: file };
    const error = await failureOf(
      fetchArchive(wanted(sha256), { ...options, env }),
    );
    expect(error.code).toBe("CACHE_UNUSABLE");
    expect(error.hint).toContain("XDG_CACHE_HOME");
  });

  describeAsRoot(["mount"], "on a full disk", () => {
    it("says so and keeps the part", async () => {
      const { wanted, options } = await setUp();
      const folder = join(testFolder(), "small");
      mkdirSync(folder);
      const size = "size=128k";
      const mounted = spawnSync(
        "mount",
        ["-t", "tmpfs", "-o", size].concat("pi-image-test", folder),
      );
      expect(mounted.status).toBe(0);
      onTestFinished(() => {
        spawnSync("umount", [folder]);
      });
      const env = { PI_IMAGE_CACHE_HOME: folder };
      const error = await failureOf(
        fetchArchive(wanted(sha256), { ...options, env }),
      );
      expect([error.code, error.state]).toEqual([
        "DISK_FULL",
        "what came so far is kept; the next run goes on from there",
      ]);
      expect(existsSync(join(folder, "archives", sha256))).toBe(false);
    });
  });
});
