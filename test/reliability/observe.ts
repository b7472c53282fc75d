// Runs pi-image against a card with a fault, and tells what a user sees and what is on the card afterwards.
import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { beginsWith } from "../support/file-bytes.ts";
import { startCli } from "../support/run-cli.ts";

export type Seen = {
  /** Exit status, or the signal's name. */
  readonly exit: string;
  /** Such as "FLASH_WRITE_FAILED: CARD cannot be read or written: the device reports an error (EIO)". */
  readonly said: string;
  /** What pi-image says of the state of things. */
  readonly state: string | undefined;
  readonly stderr: string;
  /** When the process had ended, in milliseconds. */
  readonly ended: number;
};

type Record = {
  readonly type: string;
  readonly phase?: string;
  readonly code?: string;
  readonly message?: string;
  readonly state?: string;
  readonly done?: number;
};

export type Running = {
  readonly signal: (name: NodeJS.Signals) => void;
  /** Whether SIGSTOP has reached it. */
  readonly isStopped: () => boolean;
};

export type Watching = {
  /** Called for every record of --json. */
  readonly onRecord?: (record: Record, running: Running) => void;
};

/** @param names names of this run's devices and files, and what the table calls them */
export const observe = (
  args: readonly string[],
  cwd: string,
  names: Readonly<{ [name: string]: string }>,
  { onRecord = () => undefined }: Watching = {},
): Promise<Seen> =>
  new Promise((resolve, reject) => {
    const child = startCli([...args, "--json"], { cwd, detached: true });
    const { pid = 0 } = child;
    const running: Running = {
      signal: (name) => {
        // The whole group, as from the terminal's keys; only one process where the system picks one.
        process.kill(
          name === "SIGKILL" || name === "SIGTERM" ? pid : -pid,
          name,
        );
      },
      isStopped: () =>
        /\) [Tt] /.test(readFileSync(`/proc/${pid}/stat`, "utf8")),
    };
    const records: Record[] = [];
    let pending = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      const lines = (pending + chunk.toString("utf8")).split("\n");
      pending = lines.pop() ?? "";
      for (const line of lines) {
        const record = JSON.parse(line) as Record;
        records.push(record);
        onRecord(record, running);
      }
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString("utf8");
    });
    child.on("error", reject);
    child.on("close", (status, signal) => {
      const plain = (text: string | undefined): string =>
        Object.entries(names).reduce(
          (words, [name, called]) => words.replaceAll(name, called),
          text ?? "",
        );
      const error = records.findLast(({ type }) => type === "error");
      const warning = records.find(({ type }) => type === "warning");
      const told = error ?? warning;
      resolve({
        exit: signal ?? String(status),
        said:
          error === undefined
            ? plain(told?.message)
            : `${error.code}: ${plain(error.message)}`,
        state: error?.state === undefined ? undefined : plain(error.state),
        stderr,
        ended: Date.now(),
      });
    });
  });

/** The end of the first sector, without which no firmware takes a card for one. */
export const bootMark = (file: string): number => {
  const mark = Buffer.alloc(2);
  const handle = openSync(file, "r");
  readSync(handle, mark, 0, 2, 510);
  closeSync(handle);
  return mark.readUInt16LE();
};

/** What a Raspberry Pi and the user find on the card. */
export const cardState = (
  file: string,
  image: Uint8Array,
  before: Uint8Array,
): string => {
  if (beginsWith(file, image)) {
    return "holds the image";
  }
  if (statSync(file).size === before.length && beginsWith(file, before)) {
    return "as it was";
  }
  return bootMark(file) === 0xaa55 ? "BOOTS AND IS WRONG" : "does not boot";
};

/** Classes, so that a busy machine sees the same. */
export const timeClass = (milliseconds: number): string =>
  milliseconds < 30_000
    ? "within 30 s"
    : milliseconds < 300_000
      ? "within minutes"
      : "later";
