// The single-file executable: made here, and run where there is neither Node nor the package.
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageFile, packageVersion } from "../../src/system/package-files.ts";

/** Distributions may build Node as a small program with a library, into which nothing can be put. */
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";
const whole = readFileSync(process.execPath).includes(FUSE);

describe.skipIf(!whole)("the single-file executable", () => {
  let folder = "";
  const run = (...args: readonly string[]): string =>
    execFileSync(join(folder, "made", "pi-image"), args, {
      cwd: join(folder, "empty"),
      encoding: "utf8",
      // The system's programs, but no Node of a user or of npm.
      env: {
        PATH: "/usr/bin:/bin",
        HOME: join(folder, "home"),
        SOURCE_DATE_EPOCH: "1790000000",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "pi-image-executable-"));
    mkdirSync(join(folder, "empty"));
    execFileSync(
      process.execPath,
      [
        "--import",
        import.meta.resolve("tsx"),
        packageFile(".ci/executable/make.ts"),
        join(folder, "made"),
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("says its version, and lays itself out privately and once", () => {
    expect(run("--version").trim()).toBe(packageVersion());
    const cache = join(folder, "home", ".cache", "pi-image");
    const [program = "", ...others] = readdirSync(cache);
    expect(others).toEqual([]);
    expect(program).toMatch(/^program-\d+\.\d+\.\d+-[0-9a-f]{12}-\d+$/);
    expect(statSync(join(cache, program)).mode & 0o077).toBe(0);
    const before = statSync(join(cache, program)).ctimeMs;
    run("--version");
    expect(statSync(join(cache, program)).ctimeMs).toBe(before);
  });

  it("makes secrets, an image, a card and a release", () => {
    run("init", "--yes");
    run("check");
    run("build", "--host", "worker2", "--base", "sample", "--format", "img.xz");
    run("flash", "card.img", "--yes");
    run("verify", "card.img", "out/worker2.img.xz");
    run("release", "--role", "worker", "--base", "sample");
    expect(readdirSync(join(folder, "empty", "release"))).toContain(
      "SHA256SUMS",
    );
  });

  it("keeps the licences of what it holds", () => {
    const bundled = readFileSync(
      join(folder, "made", "program", "LICENCES.txt"),
      "utf8",
    );
    for (const name of ["commander", "zod", "@peculiar/x509"]) {
      expect(bundled).toContain(`${name}\n\n`);
    }
    const modules = join(folder, "made", "program", "node_modules");
    for (const name of ["js-fatfs", "openpgp"]) {
      expect(
        readFileSync(join(modules, name, "LICENSE"), "utf8").length,
      ).toBeGreaterThan(500);
    }
  });
});
