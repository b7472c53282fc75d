// What the benchmark writes to: loop devices on files of the work folder, or the files themselves.
import { execFileSync } from "node:child_process";
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { toolEnvironment } from "../../src/system/run/run-tool.ts";

export type TargetKind = "loop device" | "file";

export type BenchTarget = {
  readonly path: string;
  readonly remove: () => void;
};

const run = (tool: string, ...args: readonly string[]): string =>
  execFileSync(tool, args, { encoding: "utf8", env: toolEnvironment() }).trim();

const MIB = 1024 ** 2;

const left = new Set<() => void>();

/** Takes away what a run that is stopped would leave behind. */
export const removeTargets = (): void => {
  for (const remove of left) {
    remove();
  }
};

const removedOnce = (remove: () => void): (() => void) => {
  const once = (): void => {
    if (left.delete(once)) {
      remove();
    }
  };
  left.add(once);
  return once;
};

/** A target a little larger than the image, as cards are. */
export const makeTarget = (
  kind: TargetKind,
  file: string,
  mebibytes: number,
): BenchTarget => {
  writeFileSync(file, "");
  truncateSync(file, (mebibytes + 64) * MIB);
  if (kind === "file") {
    return {
      path: file,
      remove: removedOnce(() => rmSync(file, { force: true })),
    };
  }
  // Without direct I/O the system would keep all of it in memory, which it does of no card.
  const path = run("losetup", "--find", "--show", "--direct-io=on", file);
  return {
    path,
    remove: removedOnce(() => {
      run("losetup", "--detach", path);
      rmSync(file, { force: true });
    }),
  };
};
