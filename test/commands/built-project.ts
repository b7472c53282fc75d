// A project whose nodes are built from the sample base, once for all tests of a group.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { runCli } from "../support/run-cli.ts";

/** Builds these nodes before the tests of the group; what it gives is of use inside of them. */
export const buildProject = (
  nodes: readonly string[],
  env: Readonly<Record<string, string>> = {},
) => {
  let folder = "";
  const pi = (...args: readonly string[]) => runCli(args, { cwd: folder, env });
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "pi-image-built-"));
    const hosts = nodes.flatMap((node) => ["--host", node]);
    const built = await pi("build", ...hosts, "--base", "sample");
    expect(built.status, built.stderr).toBe(0);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return {
    folder: () => folder,
    /** Runs pi-image in the project's folder. */
    pi,
    image: (node: string) => readFileSync(join(folder, "out", `${node}.img`)),
  };
};
