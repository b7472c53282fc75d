// Runs a program that reads our seeds, and says what it thought of them.
import { spawnSync } from "node:child_process";
import { toolEnvironment } from "../../src/system/run/run-tool.ts";

export type Verdict = {
  readonly status: number | null;
  readonly output: string;
};

export const judge = (
  tool: string,
  args: readonly string[],
  input = "",
): Verdict => {
  const { status, stdout, stderr, error } = spawnSync(tool, args, {
    env: toolEnvironment(),
    encoding: "utf8",
    input,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) {
    throw error;
  }
  return { status, output: `${stdout}${stderr}` };
};
