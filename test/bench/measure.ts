// Runs a shell script and measures it with all its processes: wall time, processor time, peak memory.
import { spawn } from "node:child_process";
import { readdirSync, readlinkSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { toolEnvironment } from "../../src/system/run/run-tool.ts";

export type Measured = {
  readonly seconds: number;
  /** User and system time of all processes. */
  readonly cpuSeconds: number;
  /** Largest sum seen; a sample every SAMPLE_MS. */
  readonly peakMiB: number;
};

const SAMPLE_MS = 200;

const read = (path: string): string => {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // The process has ended meanwhile.
    return "";
  }
};

const tree = (pid: number): number[] => {
  const children = read(`/proc/${pid}/task/${pid}/children`);
  const direct = children.split(" ").filter((word) => word !== "");
  return [pid, ...direct.flatMap((child) => tree(Number(child)))];
};

/** A page that n processes share counts for each as one nth. */
const proportionalKiB = (pid: number): number =>
  Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);

/** Files in memory that a process has open and that have no names: no process's own memory counts them. */
const openInMemory = (pid: number): ReadonlyMap<number, number> => {
  const files = new Map<number, number>();
  const folder = `/proc/${pid}/fd`;
  try {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (readlinkSync(path).startsWith("/dev/shm/.pi-image-")) {
        const { ino, blocks } = statSync(path);
        files.set(ino, blocks * 512);
      }
    }
  } catch {
    // The process, or a file of it, has just gone.
  }
  return files;
};

/** Each file once, although several processes have it. */
const sharedBytes = (pids: readonly number[]): number => {
  const files = new Map(pids.flatMap((pid) => [...openInMemory(pid)]));
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
};

const memoryOf = (pid: number): number => {
  const pids = tree(pid);
  const own = pids.reduce((sum, each) => sum + proportionalKiB(each), 0);
  return own / 1024 + sharedBytes(pids) / 1024 ** 2;
};

/** Throws with what the script printed when it fails. */
export const measure = (
  script: string,
  env: Readonly<Record<string, string>>,
): Promise<Measured> =>
  new Promise((resolve, reject) => {
    const child = spawn(
      "bash",
      ["-c", `set -eo pipefail; TIMEFORMAT='%R %U %S'; time { ${script}\n}`],
      {
        stdio: ["ignore", "ignore", "pipe"],
        env: { ...toolEnvironment(), ...env },
      },
    );
    let words = "";
    let peakMiB = 0;
    child.stderr.on("data", (text: Buffer) => {
      words = `${words}${text.toString("utf8")}`.slice(-8192);
    });
    const timer = setInterval(() => {
      peakMiB = Math.max(peakMiB, memoryOf(child.pid ?? 0));
    }, SAMPLE_MS);
    child.on("error", reject);
    child.on("close", (status) => {
      clearInterval(timer);
      const times = words.trimEnd().split("\n").at(-1)?.split(" ").map(Number);
      const [seconds, user, system] = times ?? [];
      if (status !== 0 || seconds === undefined || Number.isNaN(seconds)) {
        reject(new Error(`this failed (${status}): ${script}\n${words}`));
        return;
      }
      const cpuSeconds = (user ?? 0) + (system ?? 0);
      resolve({ seconds, cpuSeconds, peakMiB });
    });
  });
