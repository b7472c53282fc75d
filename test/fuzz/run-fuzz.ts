// Runs the fuzzer for one input in a child process and judges it: answers, time, memory, and what it left on the disk.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type FuzzResult = {
  readonly cases: number;
  /** What became of the cases: "taken", or the code of the error. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** The smallest case that was found to fail, and how. */
  readonly failure: string | undefined;
  /** Of the process, its own programs included. */
  readonly peakMiB: number;
};

export const CURRENT_CASE = "current-case.json";

/** A case takes milliseconds; the machine may be busy. */
const HANG_MS = 60_000;

/** A child that only loads everything has 130 MiB. */
export const MEMORY_BOUND_MIB = 400;

/** Every file of a tree with a digest of what it holds. */
const snapshot = (folder: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => {
      const path = join(folder, name);
      return [
        name,
        lstatSync(path).isFile()
          ? createHash("sha256").update(readFileSync(path)).digest("hex")
          : "no file",
      ];
    }),
  );

/** Where a case may leave files: nowhere but where it got its input. */
const MINE = /^(input(\/|$)|current-case\.json$)/;

const strayFiles = (
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] =>
  [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => !MINE.test(name) && before.get(name) !== after.get(name),
  );

const makeWorld = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-fuzz-"));
  for (const name of ["tmp", "work/out", "home/.kube", "etc"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  for (const name of ["home/.profile", "home/.kube/config", "etc/passwd"]) {
    writeFileSync(join(folder, name), "as it was\n");
  }
  return folder;
};

/**
 * Never rejects for what the input does: whatever is wrong comes back as `failure`. `program` are Node's arguments that
 * start fuzz-child.ts.
 */
export const runFuzz = async (
  program: readonly string[],
  input: string,
  seed: number,
  cases: number,
): Promise<FuzzResult> => {
  const folder = makeWorld();
  try {
    const before = snapshot(folder);
    const child = spawn(
      process.execPath,
      [
        "--max-old-space-size=256",
        ...program,
        input,
        String(seed),
        String(cases),
        folder,
      ],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { PATH: process.env["PATH"] ?? "", HOME: join(folder, "home") },
      },
    );
    let stdout = "";
    let stderr = "";
    let hung = false;
    child.stdout.on("data", (data: Buffer) => {
      stdout += data.toString("utf8");
    });
    child.stderr.on("data", (data: Buffer) => {
      stderr = `${stderr}${data.toString("utf8")}`.slice(-4000);
    });
    const current = join(folder, CURRENT_CASE);
    const started = Date.now();
    const watch = setInterval(() => {
      const last = existsSync(current) ? statSync(current).mtimeMs : started;
      if (Date.now() - last > HANG_MS) {
        hung = true;
        child.kill("SIGKILL");
      }
    }, 1000);
    const status = await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve(code ?? signal));
    }).finally(() => clearInterval(watch));
    const failed = (why: string): FuzzResult => ({
      cases: 0,
      outcomes: {},
      peakMiB: 0,
      failure: `${why}; the case was ${existsSync(current) ? readFileSync(current, "utf8").slice(0, 2000) : "none"}\n${stderr}`,
    });
    if (hung) {
      return failed(`no answer within ${HANG_MS / 1000} s`);
    }
    if (status !== 0 || stdout === "") {
      return failed(`the process ended with ${String(status)}`);
    }
    const result = JSON.parse(stdout) as FuzzResult;
    const stray = strayFiles(before, snapshot(folder));
    return stray.length === 0
      ? result
      : { ...result, failure: `it left or changed ${stray.join(", ")}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
