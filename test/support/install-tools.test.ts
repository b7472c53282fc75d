// A clean machine has every program that a test demands: CI fails for one that only a developer's machine happens to have.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { toolEnvironment } from "../../src/system/run/run-tool.ts";
import { TOOLS } from "./install-tools.ts";
import { describeWithTools, hasTool } from "./tools.ts";

const folder = packageFile("test");

/** The programs of the first arguments of describeWithTools and describeAsRoot. */
const demanded = (text: string): readonly string[] =>
  [...text.matchAll(/\bdescribe(?:WithTools|AsRoot)\(\s*\[([^\]]*)\]/g)]
    .flatMap(([list]) => [...list.matchAll(/"([^"]+)"/g)])
    .map(([quoted]) => quoted.slice(1, -1));

/** A program's path as it is called and as it is stored, with and without the link that merged /bin into /usr/bin. */
const pathsOf = (tool: string): readonly string[] =>
  (toolEnvironment()["PATH"] ?? "")
    .split(":")
    .map((path) => join(path, tool))
    .filter((path) => hasTool(path))
    .flatMap((path) => [path, realpathSync(path)])
    .flatMap((path) => [path, path.replace(/^\/usr\//, "/")]);

const lines = (program: string, ...args: readonly string[]) =>
  spawnSync(program, args, { encoding: "utf8", stdio: "pipe" }).stdout.split(
    "\n",
  );

/**
 * The programs that no clean machine has: neither installed before the tests, nor of a package that every Debian has, nor
 * part of what .ci/run needs to start.
 */
const missingOnCleanMachines = (tools: readonly string[]) => {
  const installed = new Set([
    ...Object.values(TOOLS),
    ...lines("dpkg-query", "-W", "-f", "${Essential} ${Priority} ${Package}\n")
      .filter((line) => /^yes | required /.test(line))
      .map((line) => line.split(" ").at(-1) ?? ""),
    "apt",
  ]);
  const found = new Set(
    lines("dpkg", "-S", ...tools.flatMap(pathsOf))
      .map((line) => line.split(": "))
      .filter(([name = ""]) => installed.has(name))
      .map(([, path = ""]) => path),
  );
  return tools.filter(
    (tool) =>
      !(tool in TOOLS) &&
      tool !== "python3" &&
      !pathsOf(tool).some((path) => found.has(path)),
  );
};

describeWithTools(["dpkg"], "the tests' programs", () => {
  it("are installed before the tests, or are on every machine", () => {
    expect(
      demanded("describeAsRoot(['ip', 'no']".replaceAll("'", '"')),
    ).toEqual(["ip", "no"]);
    expect(missingOnCleanMachines(["ip", "gzip", "no"])).toEqual(["no"]);
    const tools = new Set(
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith(".ts") && !path.startsWith("boot/"))
        .flatMap((path) => demanded(readFileSync(join(folder, path), "utf8"))),
    );
    expect(tools.size).toBeGreaterThan(40);
    expect(missingOnCleanMachines([...tools])).toEqual([]);
  });
});
