// The program as people install it, compiled: running the sources would spend three of four seconds on their translation.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { packageFile } from "../../src/system/package-files.ts";

declare module "vitest" {
  // eslint-disable-next-line typescript/consistent-type-definitions -- only an interface can be added to
  interface ProvidedContext {
    /** The path of the compiled cli.js. */
    readonly cli: string;
  }
}

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

/** Before the tests: compiles once for all of them; tests ask for it with `inject("cli")`. */
export default function provideCompiledCli(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-cli-"));
  // Tests run it as other users too.
  chmodSync(folder, 0o755);
  project.provide("cli", compilePackage(join(folder, "package")));
  return () => {
    rmSync(folder, { recursive: true, force: true });
  };
}
