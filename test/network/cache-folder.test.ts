// The cache is one user's: whatever the umask, and refused where somebody else could have put something into it.
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { cachePath } from "../../src/network/cache.ts";
import { loadCacheEntries } from "../../src/network/cache-entries.ts";
import { rememberUse } from "../../src/network/cache-names.ts";
import { digestFile, rememberDigest } from "../../src/network/digest-file.ts";
import { cacheFolder } from "../../src/system/folders.ts";
import { failureOf } from "../support/failure.ts";
import { describeAsRoot } from "../support/tools.ts";
import { testFolder, testOptions } from "../base/base-options.ts";

const modeOf = (path: string): string =>
  (statSync(path).mode & 0o777).toString(8);

const setUp = () => {
  const options = testOptions();
  const { env } = options;
  const cache = env["PI_IMAGE_CACHE_HOME"] ?? "";
  return { options, env, cache };
};

const refused = async (work: Promise<unknown>): Promise<string> => {
  const error = await failureOf(work);
  expect([error.code, error.exitCode]).toEqual(["CACHE_UNUSABLE", 1]);
  return error.message;
};

const sha256 = "a".repeat(64);

describe("the cache's folders", () => {
  it.each([0o002, 0o000, 0o077])(
    "are for their owner only with umask %o, whoever makes them first",
    async (umask) => {
      const before = process.umask(umask);
      onTestFinished(() => void process.umask(before));
      const file = join(testFolder(), "file");
      writeFileSync(file, "");
      for (const make of [
        (env: NodeJS.ProcessEnv) => cachePath(env, "lists", "a/b"),
        (env: NodeJS.ProcessEnv) => rememberUse(env, sha256, "name"),
        (env: NodeJS.ProcessEnv) => rememberDigest(file, sha256, env),
      ]) {
        const { env, cache } = setUp();
        await make(env);
        const inside = readdirSync(cache);
        expect(inside).toHaveLength(1);
        for (const path of ["", ...inside].map((name) => join(cache, name))) {
          expect([path, modeOf(path)]).toEqual([path, "700"]);
        }
      }
    },
  );

  it("are closed where an earlier version left them open, and no folder of another name is", async () => {
    const cache = join(testFolder(), "pi-image");
    mkdirSync(join(cache, "keys"), { recursive: true, mode: 0o755 });
    await cachePath({ PI_IMAGE_CACHE_HOME: cache }, "keys", "a");
    expect([modeOf(cache), modeOf(join(cache, "keys"))]).toEqual([
      "700",
      "700",
    ]);
    const shared = testFolder();
    chmodSync(shared, 0o755);
    await cachePath({ PI_IMAGE_CACHE_HOME: shared }, "keys", "a");
    expect([modeOf(shared), modeOf(join(shared, "keys"))]).toEqual([
      "755",
      "700",
    ]);
  });

  it.each([0o770, 0o702, 0o1777])(
    "are refused when others can write to the cache (%o), or to one in it",
    async (mode) => {
      const { env, cache } = setUp();
      const why = "can be written to by other users";
      const path = await cachePath(env, "archives", sha256);
      chmodSync(dirname(path), mode);
      expect(await refused(cachePath(env, "archives", sha256))).toContain(why);
      chmodSync(dirname(path), 0o700);
      chmodSync(cache, mode);
      expect(await refused(cachePath(env, "archives", sha256))).toContain(why);
      expect(await refused(loadCacheEntries(env))).toContain(why);
    },
  );

  it("are found through a link of one's own, and judged by where it leads", async () => {
    const { env, cache } = setUp();
    const real = testFolder();
    symlinkSync(real, cache);
    await cachePath(env, "keys", "a");
    expect(readdirSync(real)).toEqual(["keys"]);
    chmodSync(real, 0o770);
    expect(await refused(cachePath(env, "keys", "a"))).toContain(
      "can be written to by other users",
    );
  });

  it("lie in the home where XDG_CACHE_HOME is relative", () => {
    expect(cacheFolder({ XDG_CACHE_HOME: "here" })).toBe(
      join(homedir(), ".cache/pi-image"),
    );
  });

  it("lend no digest that somebody else could have planted", async () => {
    const { env, cache, options } = setUp();
    const file = join(testFolder(), "file");
    writeFileSync(file, "what it is");
    const digest = () => digestFile(file, { ...options, subject: "file" });
    const real = await digest();
    await rememberDigest(file, sha256, env);
    expect(await digest()).toBe(sha256);
    chmodSync(join(cache, "digests"), 0o770);
    expect(await digest()).toBe(real);
    chmodSync(join(cache, "digests"), 0o700);
    chmodSync(cache, 0o770);
    expect(await digest()).toBe(real);
  });

  describeAsRoot([], "of another user", () => {
    it("are refused where another user's link leads to them", async () => {
      const { env, cache } = setUp();
      const folder = testFolder();
      symlinkSync(folder, cache);
      lchownSync(cache, 65_534, 65_534);
      const why = "is found through a link of the user with the id 65534";
      expect(await refused(cachePath(env, "keys", "a"))).toContain(why);
      expect(readdirSync(folder)).toEqual([]);
    });

    it("are refused, and nothing is put there", async () => {
      const { env, cache, options } = setUp();
      const file = join(testFolder(), "file");
      writeFileSync(file, "what it is");
      await rememberDigest(file, sha256, env);
      chownSync(cache, 65_534, 65_534);
      const why = "belongs to the user with the id 65534";
      expect(await refused(cachePath(env, "keys", "a"))).toContain(why);
      expect(await refused(loadCacheEntries(env))).toContain(why);
      await rememberUse(env, sha256, "name");
      await digestFile(file, { ...options, subject: basename(file) });
      expect(readdirSync(cache)).toEqual(["digests"]);
    });
  });
});
