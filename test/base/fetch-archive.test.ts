// The cache of archives: filled once, and only with what was asked for.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fetchArchive } from "../../src/base/fetch-archive.ts";
import { UserError } from "../../src/report/user-error.ts";
import { describeAsRoot } from "../support/tools.ts";
import { memoryDisk } from "../device/memory-disk.ts";
import { failureOf } from "../support/failure.ts";
import { testFolder, testOptions } from "./base-options.ts";
import { type Handler, serveFile, startServer } from "./http-server.ts";
import { data, sha256, breaking } from "./broken-file.ts";

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

  it("ends after one fresh start where a wrong file comes over a bad line", async () => {
    const server = await setUp((request, response) => {
      // Every answer from the beginning breaks; what is asked for after that comes whole.
      breaking(request.headers.range === undefined ? 1 : 0, 70_000)(
        request,
        response,
      );
    });
    const other = sha256.replace(/^./, (digit) => (digit === "0" ? "1" : "0"));
    const error = await failureOf(
      fetchArchive(server.wanted(other), server.options),
    );
    expect(error.code).toBe("CHECKSUM_MISMATCH");
    expect(server.requests.map((line) => line.split(" ").length > 1)).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect(server.kept()).toEqual([]);
  });

  it("keeps a download whose proof could not be tried", async () => {
    const { wanted, options, kept } = await setUp();
    const missing = new UserError("TOOL_MISSING", "gpgv is not installed");
    const prove = () => Promise.reject(missing);
    const asked = { ...wanted(sha256), prove };
    await expect(fetchArchive(asked, options)).rejects.toBe(missing);
    expect(kept()).toContain(`downloads/${sha256}.partial`);
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
      const folder = memoryDisk("size=128k");
      const env = { PI_IMAGE_CACHE_HOME: join(folder, "cache") };
      const error = await failureOf(
        fetchArchive(wanted(sha256), { ...options, env }),
      );
      expect([error.code, error.state]).toEqual([
        "DISK_FULL",
        "the partial download is kept; the next run resumes it",
      ]);
      expect(existsSync(join(folder, "cache", "archives", sha256))).toBe(false);
    });
  });
});
