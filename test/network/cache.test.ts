// The cache's index, its limit and its pruning, beside runs that work on it.
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  type CacheEntry,
  loadCacheEntries,
} from "../../src/network/cache-entries.ts";
import { rememberUse } from "../../src/network/cache-names.ts";
import { chooseVictims } from "../../src/network/prune-cache.ts";
import {
  cacheLimit,
  keepLimit,
  pruneCache,
} from "../../src/network/prune-cache.ts";
import { withFileLock } from "../../src/system/file-lock.ts";
import { failureOf } from "../support/failure.ts";
import { testOptions } from "../base/base-options.ts";

const digest = (letter: string) => letter.repeat(64);
const now = new Date("2026-11-20T12:00:00Z");
const hoursAgo = (hours: number) =>
  new Date(now.getTime() - hours * 60 * 60 * 1000);

const entry = (
  kind: CacheEntry["kind"],
  hours: number,
  bytes = 100,
): CacheEntry => ({
  kind,
  path: `/${kind}/${hours}`,
  sha256: digest("a"),
  name: undefined,
  bytes,
  used: hoursAgo(hours),
});

describe("what goes from the cache", () => {
  const rules = { now, limit: undefined, old: false, all: false };
  const entries = [
    entry("archive", 61 * 24),
    entry("decoded", 8 * 24),
    entry("unfinished", 49),
    entry("archive", 10),
    entry("decoded", 0.5),
  ];
  it("is nothing while there is room", () => {
    expect(chooseVictims(entries, rules)).toEqual([]);
    expect(chooseVictims(entries, { ...rules, limit: 500 })).toEqual([]);
  });
  it("is what was used longest ago, until the limit is kept", () => {
    const gone = chooseVictims(entries, { ...rules, limit: 299 });
    expect(gone).toEqual(entries.slice(0, 3));
  });
  it("is never what a run may be about to open, whatever the limit", () => {
    const gone = chooseVictims(entries, { ...rules, limit: 0 });
    expect(gone).toEqual(entries.slice(0, 4));
  });
  it("is what is old for its kind, when asked", () => {
    const gone = chooseVictims(entries, { ...rules, old: true });
    expect(gone).toEqual(entries.slice(0, 3));
    const young = [
      entry("archive", 59 * 24),
      entry("decoded", 6 * 24),
      entry("unfinished", 47),
    ];
    expect(chooseVictims(young, { ...rules, old: true })).toEqual([]);
  });
  it("is everything, when asked", () => {
    expect(chooseVictims(entries, { ...rules, all: true })).toEqual(entries);
  });
});

describe("the cache on the disk", () => {
  const setUp = () => {
    const options = testOptions();
    const cache = options.env["PI_IMAGE_CACHE_HOME"] ?? "";
    const put = (folder: string, name: string, hours: number, kib = 64) => {
      mkdirSync(join(cache, folder), { recursive: true });
      const path = join(cache, folder, name);
      writeFileSync(path, Buffer.alloc(kib * 1024, 1));
      const time = new Date(Date.now() - hours * 60 * 60 * 1000);
      utimesSync(path, time, time);
      return path;
    };
    const files = () =>
      readdirSync(cache, { recursive: true, encoding: "utf8" })
        .filter((name) => name.includes("/"))
        .toSorted();
    return { ...options, options, cache, put, files };
  };

  it("is listed by name, the least recently used first", async () => {
    const { env, put, cache } = setUp();
    put("archives", digest("a"), 30);
    put("raw", `${digest("a")}.img`, 20);
    put("raw", `${digest("a")}.img.sha256`, 20);
    put("archives", digest("b"), 10);
    put("downloads", `${digest("c")}.partial`, 40);
    put("downloads", `${digest("c")}.partial.json`, 40);
    put("archives", `.${digest("d")}.lock`, 40);
    await rememberUse(env, digest("a"), "ubuntu.img.xz");
    const found = await loadCacheEntries(env);
    expect(
      found.map(({ kind, name, sha256 }) => [kind, name, sha256?.[0]]),
    ).toEqual([
      ["unfinished", undefined, undefined],
      ["archive", undefined, "b"],
      ["decoded", "ubuntu.img.xz", "a"],
      ["archive", "ubuntu.img.xz", "a"],
    ]);
    expect(found[1]).toMatchObject({
      path: join(cache, "archives", digest("b")),
      bytes: 64 * 1024,
    });
  });

  it("keeps its limit, and says what went", async () => {
    const { env, put, files, options, told } = setUp();
    put("archives", digest("a"), 30);
    put("archives", digest("b"), 20);
    put("raw", `${digest("a")}.img`, 31);
    put("raw", `${digest("a")}.img.sha256`, 31, 4);
    await keepLimit(options);
    expect(told()).toEqual([]);
    env["PI_IMAGE_CACHE_LIMIT"] = "130KiB";
    await keepLimit(options);
    expect(files()).toEqual([
      `archives/${digest("a")}`,
      `archives/${digest("b")}`,
    ]);
    expect(told()[0]).toMatch(/^removed 1 old file \(64.* below 130.*LIMIT\)$/);
  });

  it("leaves alone what another run prepares", async () => {
    const { env, put, files } = setUp();
    const held = put("archives", digest("a"), 30);
    put("archives", digest("b"), 30);
    put("downloads", `${digest("a")}.partial`, 30);
    const rules = { now: new Date(), limit: 0, old: true, all: true };
    const gone = await withFileLock(
      held,
      () => pruneCache(env, rules),
      0,
      () => new Error("nobody holds it"),
    );
    expect(gone.map(({ sha256 }) => sha256)).toEqual([digest("b")]);
    expect(files()).toEqual([
      `archives/${digest("a")}`,
      `downloads/${digest("a")}.partial`,
    ]);
    await pruneCache(env, rules);
    expect(files()).toEqual([]);
  });

  it("that is not there has nothing in it", async () => {
    expect(await loadCacheEntries(setUp().env)).toEqual([]);
  });

  it("has a limit that can be read", async () => {
    expect(cacheLimit({})).toBe(32 * 1024 ** 3);
    expect(cacheLimit({ PI_IMAGE_CACHE_LIMIT: "64GB" })).toBe(64e9);
    const error = await failureOf(
      (async () => cacheLimit({ PI_IMAGE_CACHE_LIMIT: "lots" }))(),
    );
    expect(error.code).toBe("WRONG_ARGUMENTS");
  });
});
