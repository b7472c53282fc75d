// One lane of decoding: a shell that runs one xz after the other on files in a folder.
import { constants } from "node:os";
import { createInterface } from "node:readline";
import { startProgram } from "../../../system/run/start-program.ts";
import { toolEnvironment } from "../../../system/run/run-tool.ts";
import type { SlotFiles } from "./xz-slot-files.ts";

/** xz of level 9 needs 65 MiB; a file that asks for more than this is a memory bomb. */
export const XZ_ARGUMENTS = [
  "--decompress",
  "--stdout",
  "--format=xz",
  "--threads=1",
  "--memlimit-decompress=128MiB",
] as const;

/**
 * One lane: a shell that starts one xz after the other. Starting them from here instead would copy this process's page
 * tables each time (2 to 20 ms, on the thread that coordinates everything). When this process is killed, the shell comes to
 * the end of its input and removes those files that have names; before that, neither a signal to the whole group nor an
 * answer that nobody reads may end the shell. The limit ends an xz whose block decodes to more than its entry in the
 * index says, before it has filled the memory.
 */
const LANE_SCRIPT = `
trap '' HUP INT PIPE TERM
folder=$1; removed=$2; shift 2
ulimit -f "$1"; shift
while read -r in out words; do
  xz "$@" <"$folder/$in" >"$folder/$out" 2>"$folder/$words"
  echo "$?"
done
[ -z "$removed" ] || { rm -f "$removed"/[0-9]*; rmdir "$removed"; } 2>/dev/null
`;

/** A shell's status for a program that was ended by a signal: 128 plus the signal's number. */
export const BY_SIGNAL = 128;
/** The status when a file would have become larger than the lane's limit. */
export const TOO_LARGE = BY_SIGNAL + constants.signals.SIGXFSZ;
export const NOT_FOUND = 127;
/** The status given when the shell itself is gone: whatever ended it ended xz too. */
const GONE = BY_SIGNAL + 9;

/** The numbers of a run's files among the slots' files. */
export type LaneFiles = {
  readonly input: number;
  readonly output: number;
  /** What xz says. */
  readonly words: number;
};

export type XzLane = {
  /** Decodes `input` to `output` once earlier requests are done; gives the status that the shell reports. */
  readonly run: (files: LaneFiles) => Promise<number>;
  readonly close: () => Promise<void>;
};

/** Bytes in the unit that POSIX defines for `ulimit -f`. */
const LIMIT_UNIT = 512;

/** What xz says when it fails goes into a file too, so the limit must leave room for it. */
const WORDS_ROOM = 64 * 1024;

/** Starts a lane over these files, none of which it makes much larger than `room` bytes. */
export const startXzLane = (
  { folder, removed, inherited }: SlotFiles,
  room: number,
): XzLane => {
  const limit = String(Math.ceil((room + WORDS_ROOM) / LIMIT_UNIT));
  const child = startProgram(
    "/bin/sh",
    ["-c", LANE_SCRIPT, "pi-image-xz", folder, removed, limit, ...XZ_ARGUMENTS],
    {
      env: toolEnvironment(),
      stdio: ["pipe", "pipe", "ignore", ...inherited],
    },
  );
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) {
    throw new Error("a child process with pipes has pipes");
  }
  const answers: ((status: number) => void)[] = [];
  let ended = false;
  const closed = new Promise<void>((resolve) => {
    const end = () => {
      ended = true;
      answers.splice(0).forEach((answer) => answer(GONE));
      resolve();
    };
    child.on("error", end);
    child.on("close", end);
  });
  stdin.on("error", () => undefined);
  createInterface(stdout).on("line", (status) => {
    answers.shift()?.(Number(status));
  });
  return {
    run: ({ input, output, words }) =>
      new Promise((resolve) => {
        if (ended) {
          resolve(GONE);
          return;
        }
        answers.push(resolve);
        stdin.write(`${input} ${output} ${words}\n`);
      }),
    close: async () => {
      stdin.end();
      await closed;
    },
  };
};
