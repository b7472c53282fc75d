// The package as users get it: what is in it, and that it runs through npx and installed globally.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageFile, packageVersion } from "../../src/system/package-files.ts";

const repository = packageFile("");

const npm = (args: readonly string[], cwd = repository): string =>
  execFileSync("npm", args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      npm_config_audit: "false",
      npm_config_fund: "false",
    },
  });

describe("the packed package", () => {
  let folder = "";
  let tarball = "";
  let files: readonly string[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "pi-image-pack-"));
    const [packed] = JSON.parse(
      npm(["pack", "--json", "--pack-destination", folder]),
    ) as [{ filename: string; files: { path: string }[] }];
    tarball = join(folder, packed.filename);
    files = packed.files.map(({ path }) => path);
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("holds the program, the data and the schemas, and nothing else", () => {
    expect(files).toEqual(
      expect.arrayContaining([
        "dist/cli.js",
        "profiles/worker.yaml",
        "profiles/cluster.schema.json",
        "profiles/profile.schema.json",
        "profiles/base-images/sample-ubuntu-24.04.img.xz",
        "README.md",
      ]),
    );
    expect(
      files.filter((file) =>
        /^(src|test|out|node_modules)\/|\.secrets\.yaml$/.test(file),
      ),
    ).toEqual([]);
  });

  it("runs when it is installed globally, from any folder", () => {
    const prefix = join(folder, "prefix");
    npm(["install", "--global", "--prefix", prefix, tarball], folder);
    const run = (...args: readonly string[]) =>
      execFileSync(join(prefix, "bin", "pi-image"), args, {
        cwd: folder,
        encoding: "utf8",
        env: { PATH: process.env["PATH"], HOME: folder },
        stdio: ["ignore", "pipe", "pipe"],
      });
    expect(run("--version").trim()).toBe(packageVersion());
    run("init", "--yes");
    run("build", "--host", "worker2", "--base", "sample", "--quiet");
    run("flash", "card.img", "--yes", "--quiet");
    // npm fetches every dependency again.
  }, 300_000);

  it("runs through npx in a clone", () => {
    expect(npm(["exec", "--", "pi-image", "--version"]).trim()).toBe(
      packageVersion(),
    );
  });
});
