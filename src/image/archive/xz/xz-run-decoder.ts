// What decodes runs of an .xz file, be it the installed xz or the built-in one.
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

export type LaneCount = {
  /** Processes at a time. */
  readonly lanes: number;
  /** Runs in memory at a time: those being decoded and those that wait for their reader. */
  readonly slots: number;
  /** The most decoded bytes that one run has. */
  readonly room: number;
};
