// Tests against real tools: a missing tool skips by name on a laptop and fails in CI.
import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import { toolEnvironment } from "../../src/system/run/run-tool.ts";

const inCi = process.env["CI"] !== undefined && process.env["CI"] !== "";

/** A program by its name, or any file by its full path. */
export const hasTool = (tool: string): boolean =>
  (tool.startsWith("/") && existsSync(tool)) ||
  (toolEnvironment()["PATH"] ?? "").split(":").some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

const describeWhen = (
  missing: readonly string[],
  title: string,
  body: () => void,
): void => {
  if (missing.length === 0) {
    describe(title, body);
  } else if (inCi) {
    describe(title, () => {
      throw new Error(`CI must have: ${missing.join(", ")}`);
    });
  } else {
    describe.skip(`${title} (needs ${missing.join(", ")})`, body);
  }
};

/** A group of tests that runs these programs of the operating system. */
export const describeWithTools = (
  tools: readonly string[],
  title: string,
  body: () => void,
): void => {
  describeWhen(
    tools.filter((tool) => !hasTool(tool)),
    title,
    body,
  );
};

/** A group of tests that needs root, for loop devices, mounts or namespaces. */
export const describeAsRoot = (
  tools: readonly string[],
  title: string,
  body: () => void,
): void => {
  const missing = tools.filter((tool) => !hasTool(tool));
  if (process.getuid?.() !== 0) {
    missing.push("root");
  }
  describeWhen(missing, title, body);
};
