// The program as people install it from npm, compiled: running the sources would measure their translation.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { packageFile } from "../../src/system/package-files.ts";

/** Compiles into this folder, which is made anew; gives the path of cli.js. Types are not checked: `npm run check` does. */
export const compilePackage = (folder: string): string => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of [
    "package.json",
    "profiles",
    "cloud-init",
    "docs",
    "node_modules",
  ]) {
    symlinkSync(packageFile(name), join(folder, name));
  }
  execFileSync(
    process.execPath,
    [
      packageFile("node_modules/typescript/bin/tsc"),
      "--project",
      packageFile("tsconfig.build.json"),
      "--noCheck",
      "--outDir",
      join(folder, "dist"),
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  return join(folder, "dist", "cli.js");
};
