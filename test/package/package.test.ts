// The package as users get it: what is in it, and that it runs through npx and installed globally.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
} from "node:fs";
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
        "profiles/worker.yaml",
        "profiles/cluster.schema.json",
        "profiles/profile.schema.json",
        "profiles/base-images/sample-ubuntu-24.04.img.xz",
        "README.md",
        "docs/reference/pi-image.1",
        "docs/reference/pi-image.cdx.json",
      ]),
    );
    // Each source once, and nothing of one that is no longer there.
    const sources = readdirSync(join(repository, "src"), { recursive: true })
      .map(String)
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
      .map((name) => `dist/${name.replace(/ts$/, "js")}`);
    expect(files.filter((file) => file.startsWith("dist/")).toSorted()).toEqual(
      sources.toSorted(),
    );
    const wanted =
      /^(dist|profiles|cloud-init)\/|^docs\/[^.]+(\.md|\.1|\.cdx\.json)$|^(README|CHANGELOG)\.md$|^LICENSE$|^package\.json$/;
    expect(files.filter((file) => !wanted.test(file))).toEqual([]);
    expect(
      files.filter((file) => /secret.*yaml$|\.(tgz|img|log)$|\/\./.test(file)),
    ).toEqual([]);
    // It is fetched by everybody who tries it out.
    expect(statSync(tarball).size).toBeLessThan(2 * 1024 * 1024);
  });

  it("runs when it is installed globally, from any folder", () => {
    const prefix = join(folder, "prefix");
    npm(
      ["install", "--global", "--ignore-scripts", "--prefix", prefix, tarball],
      folder,
    );
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
    run("release", "--role", "worker", "--base", "sample", "--quiet");
    expect(run("completion", "bash")).toContain(
      "complete -F _pi_image pi-image",
    );
    const page = join(prefix, "share", "man", "man1", "pi-image.1");
    expect(existsSync(page)).toBe(true);
    // npm fetches every dependency again.
  });

  it("runs through npx in a clone", () => {
    // npm keeps a link to the program in its cache, also one to where the program was in an older clone.
    const cache = join(folder, "cache");
    expect(
      npm(["exec", "--cache", cache, "--", "pi-image", "--version"]).trim(),
    ).toBe(packageVersion());
  });
});
