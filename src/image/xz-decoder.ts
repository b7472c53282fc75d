// What decodes runs of .xz blocks: the installed xz in several processes, or the built-in decoder where there is none.
import { constants } from "node:fs";
import { access, type FileHandle, realpath } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { ifOneOf, NOT_FOR_US } from "../report/expected-failure.ts";
import { decoderEnvironment } from "./archive-tool.ts";
import { openXzBuiltIn } from "./xz-built-in.ts";
import { openXzLanes } from "./xz-lanes.ts";
import type { StreamPart } from "./xz-run.ts";

/** Decoded bytes of a run; they stay readable until `release`. */
export type DecodedRun = {
  /** Fills `target` with the bytes from `offset` of the run on. */
  readonly read: (offset: number, target: Buffer) => Promise<void>;
  readonly release: () => void;
};

export type RunDecoder = {
  /** Decodes one complete .xz stream to exactly `size` bytes, or throws DecodeFailure. */
  readonly decode: (
    parts: readonly StreamPart[],
    size: number,
  ) => Promise<DecodedRun>;
  readonly close: () => Promise<void>;
};

/** More lanes than this would only wait for the card, and each takes memory. */
const MAX_LANES = 4;

export const laneLimit = (): number =>
  Math.min(availableParallelism(), MAX_LANES);

/** Whether the system has the xz of XZ Utils; BusyBox has one that checks less and takes other options. */
export const hasXz = async (): Promise<boolean> => {
  for (const folder of (decoderEnvironment()["PATH"] ?? "").split(":")) {
    try {
      const program = join(folder, "xz");
      await access(program, constants.X_OK);
      return basename(await realpath(program)) !== "busybox";
    } catch (error) {
      // Not in this folder, or not for us, as a shell would see it.
      ifOneOf(error, [...NOT_FOR_US, "EIO"], undefined);
    }
  }
  return false;
};

export type LaneCount = {
  /** Processes at a time. */
  readonly lanes: number;
  /** Runs in memory at a time: those being decoded and those that wait for their reader. */
  readonly slots: number;
  /** The most decoded bytes that one run has. */
  readonly room: number;
};

export const openRunDecoder = async (
  archive: FileHandle,
  count: LaneCount,
): Promise<RunDecoder> =>
  (await hasXz()) ? openXzLanes(archive, count) : openXzBuiltIn(archive);
