// What the numbers were measured on: without it they mean nothing.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import {
  availableParallelism,
  cpus,
  loadavg,
  release,
  totalmem,
} from "node:os";
import { packageVersion } from "../../src/system/package-files.ts";
import { toolEnvironment } from "../../src/system/run/run-tool.ts";

export type Machine = Readonly<Record<string, string>>;

const firstLine = (tool: string, ...args: readonly string[]): string => {
  try {
    const output = execFileSync(tool, args, {
      encoding: "utf8",
      env: toolEnvironment(),
      stdio: ["ignore", "pipe", "ignore"],
    });
    return output.split("\n")[0] ?? "";
  } catch {
    return "not installed";
  }
};

const system = (): string => {
  try {
    const text = readFileSync("/etc/os-release", "utf8");
    return /^PRETTY_NAME="(.*)"$/m.exec(text)?.[1] ?? "Linux";
  } catch {
    return process.platform;
  }
};

export const describeMachine = (): Machine => ({
  date: new Date().toISOString().slice(0, 10),
  processor: `${availableParallelism()} x ${cpus()[0]?.model.trim() ?? "unknown"}`,
  memory: `${Math.round(totalmem() / 1024 ** 3)} GiB`,
  system: `${system()}, Linux ${release()}`,
  load: `${loadavg()[0]?.toFixed(1)} runnable at the start`,
  "pi-image": packageVersion(),
  node: process.version,
  xz: firstLine("xz", "--version"),
  dd: firstLine("dd", "--version"),
  bmaptool: firstLine("bmaptool", "--version"),
});
