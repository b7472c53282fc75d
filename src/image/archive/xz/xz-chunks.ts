// Decodes an .xz file of several blocks: runs of blocks in parallel, chunks in ascending order, in bounded memory.
import type { FileHandle } from "node:fs/promises";
import { awaitedLater } from "../../../report/awaited-later.ts";
import { CHUNK_SIZE } from "../chunks.ts";
import { imageDamaged } from "../damage.ts";
import { DecodeFailure } from "../decoder-tool.ts";
import type { Range } from "../../range.ts";
import type { Chunk } from "../../reader.ts";
import { laneLimit, openRunDecoder } from "./xz-decoder.ts";
import type { Demand, XzIndex } from "./xz-index.ts";
import {
  blockName,
  blockPlace,
  blockStart,
  type Run,
  runSize,
  runsOf,
  wrapRun,
} from "./xz-run.ts";
import type { DecodedRun, RunDecoder } from "./xz-run-decoder.ts";

export type XzArchive = {
  readonly path: string;
  readonly file: FileHandle;
  readonly index: XzIndex;
  /** How many bytes of the file are .xz data; undefined for all. */
  readonly length?: number | undefined;
  /** Given when the file is fetched in parts. */
  readonly demand?: Demand | undefined;
};

const MiB = 1024 * 1024;

/** Starting an xz costs about 2 ms, decoding this much about 100 ms. */
const RUN_SIZE = 8 * MiB;

/** Stored and decoded bytes that may be in memory, over all runs. */
const MEMORY_LIMIT = 64 * MiB;

/** A run's stored bytes as a share of its decoded ones; images shrink to about a third of their size. */
const STORED_SHARE = 0.3;

export type DecodingPlan = {
  /** Decoders at work at a time. */
  readonly lanes: number;
  /** Runs in memory at a time, decoded or being decoded. */
  readonly slots: number;
  /** Decoded bytes of a run, unless a single block has more. */
  readonly runSize: number;
};

/** Undefined where blocks are so large that decoding must stream through one decoder. */
export const planDecoding = (
  largestBlock: number,
  limit = laneLimit(),
): DecodingPlan | undefined => {
  const runSize = Math.min(RUN_SIZE, (2 * RUN_SIZE) / limit);
  const run = Math.max(largestBlock, runSize) * (1 + STORED_SHARE);
  const room = Math.floor(MEMORY_LIMIT / run);
  // One slot more than lanes, so that all lanes work while a run is being read, and one to be queued behind them.
  const lanes = Math.min(limit, room >= 3 ? room - 1 : room);
  return lanes < Math.min(limit, 2)
    ? undefined
    : { lanes, slots: Math.min(room, lanes + 2), runSize };
};

/** Decodes one run; damage is named by its block. */
export const decodeRun = async (
  archive: XzArchive,
  run: Run,
  decoder: RunDecoder,
): Promise<DecodedRun> => {
  const { index } = archive;
  try {
    return await decoder.decode(wrapRun(index, run), runSize(index, run));
  } catch (error) {
    if (!(error instanceof DecodeFailure)) {
      throw error;
    }
    if (run.end - run.first === 1) {
      throw imageDamaged(
        archive.path,
        `${blockName(index, run.first)} cannot be decoded`,
        [blockPlace(index, run.first), error.message],
        error,
      );
    }
  }
  // One of the blocks is bad: decoding each of them alone shows which.
  for (let block = run.first; block < run.end; block += 1) {
    const alone = await decodeRun(
      archive,
      { first: block, end: block + 1 },
      decoder,
    );
    alone.release();
  }
  throw imageDamaged(
    archive.path,
    `blocks ${run.first + 1} to ${run.end} cannot be decoded together`,
  );
};

/** Chunks of all blocks that hold bytes of `ranges`; without `ranges` of the whole image. */
export async function* xzChunks(
  archive: XzArchive,
  ranges: readonly Range[] | undefined,
  { lanes, slots, runSize: limit }: DecodingPlan,
): AsyncGenerator<Chunk> {
  const { index } = archive;
  const runs = runsOf(index, ranges, limit);
  const room = Math.max(limit, index.largest);
  const decoder = await openRunDecoder(archive.file, { lanes, slots, room });
  const waiting: { run: Run; decoded: Promise<DecodedRun> }[] = [];
  const buffers = [
    Buffer.allocUnsafe(Math.min(room, CHUNK_SIZE)),
    Buffer.allocUnsafe(Math.min(room, CHUNK_SIZE)),
  ] as const;
  let turn: 0 | 1 = 0;
  let started = 0;
  try {
    while (started < runs.length || waiting.length > 0) {
      for (; waiting.length < slots && started < runs.length; started += 1) {
        const run = runs[started];
        if (run !== undefined) {
          const decoded = decodeRun(archive, run, decoder);
          // Awaited in order below, or in the end when an earlier one failed.
          awaitedLater(decoded);
          waiting.push({ run, decoded });
        }
      }
      const next = waiting.shift();
      if (next === undefined) {
        break;
      }
      const decoded = await next.decoded;
      const size = runSize(index, next.run);
      const start = blockStart(index, next.run.first);
      try {
        for (let offset = 0; offset < size; offset += CHUNK_SIZE) {
          const data = buffers[turn].subarray(
            0,
            Math.min(CHUNK_SIZE, size - offset),
          );
          turn = turn === 0 ? 1 : 0;
          await decoded.read(offset, data);
          yield { offset: start + offset, data };
        }
      } finally {
        decoded.release();
      }
    }
  } finally {
    const rest = await Promise.allSettled(waiting.map((each) => each.decoded));
    for (const result of rest) {
      if (result.status === "fulfilled") {
        result.value.release();
      }
    }
    await decoder.close();
  }
}
