// The single-file executable: made here, and run where there is neither Node nor the package.
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageFile, packageVersion } from "../../src/system/package-files.ts";
import { describeAsRoot } from "../support/tools.ts";

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

  /** Where it lays itself out for the user of the tests. */
  const program = (): string => {
    const cache = join(folder, "home", ".cache", "pi-image");
    const [name = ""] = readdirSync(cache).toSorted();
    return join(cache, name);
  };
  const PLANTED = 'process.stdout.write("planted\\n");\n';

  it.each([
    ["changed", (at: string) => writeFileSync(join(at, "start.cjs"), PLANTED)],
    [
      "added to",
      (at: string) => {
        const module = join(at, "node_modules", "drivelist");
        mkdirSync(module);
        writeFileSync(join(module, "index.js"), PLANTED);
      },
    ],
    [
      "opened to others",
      (at: string) => {
        writeFileSync(join(at, "start.cjs"), PLANTED);
        chmodSync(at, 0o755);
      },
    ],
  ])("runs no program of its own that was %s", (_, change) => {
    run("--version");
    change(program());
    expect(run("--version").trim()).toBe(packageVersion());
    rmSync(join(folder, "home"), { recursive: true });
  });

  describeAsRoot(["setpriv"], "beside other users", () => {
    const OTHER = 65_533;
    const USER = 65_534;
    const runAs = (uid: number, env: Readonly<Record<string, string>>) =>
      spawnSync(
        "setpriv",
        [
          `--reuid=${uid}`,
          `--regid=${uid}`,
          "--clear-groups",
          join(folder, "made", "pi-image"),
          "--version",
        ],
        {
          cwd: "/",
          encoding: "utf8",
          env: { PATH: "/usr/bin:/bin", ...env },
        },
      );

    /** Somebody's home with the right program, one file of which says "planted". */
    const plantedHome = (owner: number): string => {
      const home = mkdtempSync(join(folder, "other-"));
      const cache = join(home, ".cache", "pi-image");
      run("--version");
      const name = program().split("/").at(-1)?.replace(/\d+$/, "") ?? "";
      const planted = join(cache, `${name}${USER}`);
      cpSync(program(), planted, { recursive: true });
      writeFileSync(join(planted, "start.cjs"), PLANTED);
      chmodSync(folder, 0o755);
      for (const each of readdirSync(home, {
        recursive: true,
        encoding: "utf8",
      })) {
        chownSync(join(home, each), owner, owner);
        chmodSync(join(home, each), 0o755);
      }
      chownSync(home, owner, owner);
      chmodSync(home, 0o755);
      return home;
    };

    it("runs nothing of another user's home, and uses the session's folder", () => {
      const home = plantedHome(OTHER);
      const refused = runAs(USER, { HOME: home });
      expect(refused.stdout).toBe("");
      expect(refused.stderr).toContain("error[FILE_UNUSABLE]");
      expect(refused.stderr).toContain(
        `other users can change what is in ${join(home, ".cache")}`,
      );
      expect(refused.status).toBe(1);
      const runtime = mkdtempSync(join(folder, "runtime-"));
      chownSync(runtime, USER, USER);
      const taken = runAs(USER, { HOME: home, XDG_RUNTIME_DIR: runtime });
      expect(taken.stderr).toBe("");
      expect(taken.stdout.trim()).toBe(packageVersion());
    });

    it("leaves another user's folder of that name alone, and runs its own", () => {
      const home = plantedHome(USER);
      const cache = join(home, ".cache", "pi-image");
      const [planted = ""] = readdirSync(cache);
      chownSync(join(cache, planted), OTHER, OTHER);
      const taken = runAs(USER, { HOME: home });
      expect(taken.stderr).toBe("");
      expect(taken.stdout.trim()).toBe(packageVersion());
      expect(readFileSync(join(cache, planted, "start.cjs"), "utf8")).toBe(
        PLANTED,
      );
      expect(readdirSync(cache)).toContain(`${planted}-1`);
    });
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
