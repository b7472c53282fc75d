// Before the tests: the program for all that start it, bundled as for the executable, and the tests' own programs beside it.
// From the hundreds of files of the npm package, which test/package installs, every start would take half as long again.
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { TestProject } from "vitest/node";
import { bundleProgram, START } from "../../.ci/executable/bundle.ts";
import { packageFile } from "../../src/system/package-files.ts";

declare module "vitest" {
  // eslint-disable-next-line typescript/consistent-type-definitions -- only an interface can be added to
  interface ProvidedContext {
    /** The path of the bundled program. */
    readonly cli: string;
    /** The folder of the tests' programs: `fuzz-child.js` is test/fuzz/fuzz-child.ts. */
    readonly programs: string;
  }
}

/** What tests start in processes of their own. */
const testPrograms = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(packageFile("test"), { recursive: true, encoding: "utf8" })
      .filter((path) => /-(child|program)\.ts$/.test(path))
      .filter((path) => !path.startsWith("boot/"))
      .map((path) => [basename(path, ".ts"), packageFile(join("test", path))]),
  );

/** Tests ask for the paths with `inject("cli")` and `inject("programs")`. */
export default async function provideProgram(
  project: TestProject,
): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-cli-"));
  // Tests run it as other users too.
  chmodSync(folder, 0o755);
  for (const name of [
    "package.json",
    "profiles",
    "cloud-init",
    "docs",
    "test",
    "node_modules",
  ]) {
    symlinkSync(packageFile(name), join(folder, name));
  }
  await bundleProgram(folder, testPrograms());
  const programs = join(folder, "dist/program");
  project.provide("cli", join(programs, `${START}.js`));
  project.provide("programs", programs);
  return () => {
    rmSync(folder, { recursive: true, force: true });
  };
}
