// Decodes .xz streams in several `xz` processes at once. Input and output are files in memory, so that the decoded bytes
// cross no pipe: xz writes 8 KiB at a time, and reading that through Node's event loop costs a tenth of the decoding.
import { spawn } from "node:child_process";
import { constants } from "node:fs";
import {
  access,
  type FileHandle,
  mkdtemp,
  open,
  readFile,
  rm,
  statfs,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../report/user-error.ts";
import {
  DecodeFailure,
  decoderEnvironment,
  decoderWords,
} from "./archive-tool.ts";
import type { DecodedRun, RunDecoder } from "./xz-decoder.ts";
import type { StreamPart } from "./xz-run.ts";

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
 * tables each time (2 to 20 ms, on the thread that coordinates all). When this process is killed the shell reads the
 * end of its input, and takes the files in memory away.
 */
const LANE_SCRIPT = `
trap '' INT
folder=$1; shift
while read -r slot; do
  xz "$@" <"$folder/$slot.in" >"$folder/$slot.out" 2>"$folder/$slot.err"
  echo "$?"
done
rm -rf "$folder"
`;

const COPY_SIZE = 512 * 1024;

type Slot = {
  readonly name: string;
  /** Carries stored bytes from the archive to the input file. */
  readonly buffer: Buffer;
  readonly input: FileHandle;
  readonly output: FileHandle;
};

type Lane = { readonly run: (slot: string) => Promise<number> };

/** The process id tells people whose folder it is. */
const FOLDER_PREFIX = `pi-image-xz-${process.pid}-`;

/** A folder whose files stay in memory where the system has one with room, else the folder for temporary files. */
const slotFolder = async (room: number): Promise<string> => {
  const memory = "/dev/shm";
  try {
    await access(memory, constants.W_OK);
    const { bavail, bsize } = await statfs(memory);
    if (bavail * bsize >= room) {
      return await mkdtemp(join(memory, FOLDER_PREFIX));
    }
  } catch {
    // No such folder: macOS, or a container without one.
  }
  return mkdtemp(join(tmpdir(), FOLDER_PREFIX));
};

const openSlot = async (folder: string, number: number): Promise<Slot> => {
  const name = String(number);
  return {
    name,
    buffer: Buffer.allocUnsafeSlow(COPY_SIZE),
    input: await open(join(folder, `${name}.in`), "w+", 0o600),
    output: await open(join(folder, `${name}.out`), "w+", 0o600),
  };
};

/** A counter of free things: takers wait in the order they came. */
const pool = <Thing>(things: readonly Thing[]) => {
  const free = [...things];
  const waiting: ((thing: Thing) => void)[] = [];
  return {
    take: async (): Promise<Thing> =>
      free.shift() ?? new Promise((resolve) => waiting.push(resolve)),
    give: (thing: Thing): void => {
      const next = waiting.shift();
      if (next === undefined) {
        free.push(thing);
      } else {
        next(thing);
      }
    },
  };
};

const startLane = (
  folder: string,
): Lane & { readonly close: () => Promise<void> } => {
  const child = spawn(
    "/bin/sh",
    ["-c", LANE_SCRIPT, "pi-image-xz", folder, ...XZ_ARGUMENTS],
    { env: decoderEnvironment(), stdio: ["pipe", "pipe", "ignore"] },
  );
  let answer: ((status: number) => void) | undefined;
  let ended = false;
  const closed = new Promise<void>((resolve) => {
    const end = () => {
      ended = true;
      answer?.(128);
      resolve();
    };
    child.on("error", end);
    child.on("close", end);
  });
  child.stdin.on("error", () => undefined);
  child.stdout.on("data", (line: Buffer) => {
    answer?.(Number(line.toString("latin1")));
  });
  return {
    run: (slot) =>
      new Promise((resolve) => {
        if (ended) {
          resolve(128);
          return;
        }
        answer = resolve;
        child.stdin.write(`${slot}\n`);
      }),
    close: async () => {
      child.stdin.end();
      await closed;
    },
  };
};

/** Copies a wrapped run into the slot's input file. */
const fillInput = async (
  archive: FileHandle,
  parts: readonly StreamPart[],
  { input, buffer }: Slot,
): Promise<void> => {
  let position = 0;
  for (const part of parts) {
    if (Buffer.isBuffer(part)) {
      await input.write(part, 0, part.length, position);
      position += part.length;
      continue;
    }
    for (let done = 0; done < part.length;) {
      const length = Math.min(COPY_SIZE, part.length - done);
      const { bytesRead } = await archive.read(
        buffer,
        0,
        length,
        part.offset + done,
      );
      if (bytesRead === 0) {
        throw new DecodeFailure("the file became shorter while it was read");
      }
      await input.write(buffer, 0, bytesRead, position);
      position += bytesRead;
      done += bytesRead;
    }
  }
  await input.truncate(position);
};

const memoryFull = (folder: string): UserError =>
  new UserError("DISK_FULL", `${folder} has no room for decoded blocks`, {
    hint: "free some space there, or set TMPDIR to a folder that has space",
  });

export type LaneCount = {
  /** Processes at a time. */
  readonly lanes: number;
  /** Runs in memory at a time: those being decoded and those that wait for their reader. */
  readonly slots: number;
  /** Bytes that one run may take, stored and decoded. */
  readonly room: number;
};

/** Decodes parts of `archive` with the installed xz. A slot is taken until the run is released. */
export const openXzLanes = async (
  archive: FileHandle,
  count: LaneCount,
): Promise<RunDecoder> => {
  const folder = await slotFolder(count.slots * count.room * 2);
  const slots = await Promise.all(
    Array.from({ length: count.slots }, (_, number) =>
      openSlot(folder, number),
    ),
  );
  const lanes = Array.from({ length: count.lanes }, () => startLane(folder));
  const freeSlots = pool(slots);
  const freeLanes = pool<Lane>(lanes);

  const decodeIn = async (
    slot: Slot,
    parts: readonly StreamPart[],
    size: number,
  ): Promise<void> => {
    await fillInput(archive, parts, slot);
    const lane = await freeLanes.take();
    const status = await lane
      .run(slot.name)
      .finally(() => freeLanes.give(lane));
    if (status !== 0) {
      const words = await readFile(join(folder, `${slot.name}.err`), "utf8");
      throw words.includes("No space left on device")
        ? memoryFull(folder)
        : new DecodeFailure(decoderWords(words));
    }
    const decoded = (await slot.output.stat()).size;
    if (decoded !== size) {
      throw new DecodeFailure(`${decoded} bytes came instead of ${size}`);
    }
  };

  return {
    decode: async (parts, size): Promise<DecodedRun> => {
      const slot = await freeSlots.take();
      try {
        await decodeIn(slot, parts, size);
      } catch (error) {
        freeSlots.give(slot);
        throw error;
      }
      return {
        read: async (offset, target) => {
          await slot.output.read(target, 0, target.length, offset);
        },
        release: () => freeSlots.give(slot),
      };
    },
    close: async () => {
      await Promise.all(lanes.map((lane) => lane.close()));
      await Promise.all(
        slots.flatMap((slot) => [slot.input.close(), slot.output.close()]),
      );
      await rm(folder, { recursive: true, force: true });
    },
  };
};
