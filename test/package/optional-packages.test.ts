// The build without the packages that npm leaves out where their native code does not compile.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import lock from "../../package-lock.json" with { type: "json" };
import { packageFile } from "../../src/system/package-files.ts";
import { temporaryFolder } from "../support/folder.ts";

it("builds without the optional packages", async () => {
  const folder = await temporaryFolder();
  const left = Object.keys(manifest.optionalDependencies);
  expect(left).not.toEqual([]);
  const modules = join(folder, "node_modules");
  mkdirSync(modules);
  for (const name of readdirSync(packageFile("node_modules"))) {
    if (!left.includes(name)) {
      symlinkSync(packageFile(`node_modules/${name}`), join(modules, name));
    }
  }
  for (const name of [
    "src",
    "package.json",
    "tsconfig.json",
    "tsconfig.build.json",
  ]) {
    cpSync(packageFile(name), join(folder, name), { recursive: true });
  }
  const { status, stdout } = spawnSync(
    process.execPath,
    [
      packageFile("node_modules/typescript/bin/tsc"),
      "--project",
      "tsconfig.build.json",
    ],
    { cwd: folder, encoding: "utf8" },
  );
  expect(stdout).toBe("");
  expect(status).toBe(0);
}, 60_000);

it("finds in the lock file every package that another one may ask for", () => {
  const packages = new Map<string, object>(Object.entries(lock.packages));
  const missing = [...packages].flatMap(([path, entry]) => {
    const wanted =
      "optionalDependencies" in entry &&
      entry.optionalDependencies instanceof Object
        ? Object.keys(entry.optionalDependencies)
        : [];
    return wanted.filter(
      (name) =>
        !packages.has(`node_modules/${name}`) &&
        !packages.has(`${path}/node_modules/${name}`),
    );
  });
  // npm ci refuses a lock file with holes, such as other systems' native packages that could not be found when it was written.
  expect(missing).toEqual([]);
});
