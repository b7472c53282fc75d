// The program as people install it, compiled into the work folder: measuring the sources would measure their translation.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { packageFile } from "../../src/system/package-files.ts";

/** Gives the path of cli.js. */
export const compilePackage = (work: string): string => {
  const folder = join(work, "package");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of [
    "package.json",
    "profiles",
    "cloud-init",
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
      "--outDir",
      join(folder, "dist"),
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  return join(folder, "dist", "cli.js");
};
