// Random access to the decoded bytes of an .xz file of several blocks.
import { awaitedLater } from "../../../report/awaited-later.ts";
import type { Source } from "../../source.ts";
import { decodeRun, type XzArchive } from "./xz-chunks.ts";
import { laneLimit, openRunDecoder } from "./xz-decoder.ts";
import type { RunDecoder } from "./xz-run-decoder.ts";
import {
  blockAt,
  blockStart,
  cutRun,
  type Run,
  runSize,
  storedRange,
} from "./xz-run.ts";

/** Blocks beyond this are too large to decode for a few bytes. */
export const MAX_SOURCE_BLOCK = 32 * 1024 * 1024;

/** Decoded bytes that are kept for the next read, at least the last block. */
const KEPT_SIZE = 16 * 1024 * 1024;
const RUN_SIZE = 4 * 1024 * 1024;

export type XzSource = Source & {
  /** Frees the memory, unless a read is under way; the next read allocates it again. */
  readonly rest: () => Promise<void>;
};

/** Decodes just the blocks that a read needs, and keeps the last ones. Not for archives with a block above MAX_SOURCE_BLOCK. */
export const xzSource = (archive: XzArchive): XzSource => {
  const { index } = archive;
  const kept = new Map<number, Promise<Buffer>>();
  const keptLimit = Math.max(KEPT_SIZE, index.largest);
  let opening: Promise<RunDecoder> | undefined;
  let reads = 0;

  const decoder = (): Promise<RunDecoder> => {
    opening ??= openRunDecoder(archive.file, {
      lanes: laneLimit(),
      slots: laneLimit(),
      room: Math.max(RUN_SIZE, index.largest),
    });
    return opening;
  };

  const decodeBlocks = async (run: Run): Promise<Map<number, Buffer>> => {
    await archive.demand?.(storedRange(index, run));
    const decoded = await decodeRun(archive, run, await decoder());
    try {
      const blocks = new Map<number, Buffer>();
      for (let block = run.first; block < run.end; block += 1) {
        const only = { first: block, end: block + 1 };
        const bytes = Buffer.allocUnsafeSlow(runSize(index, only));
        await decoded.read(
          blockStart(index, block) - blockStart(index, run.first),
          bytes,
        );
        blocks.set(block, bytes);
      }
      return blocks;
    } finally {
      decoded.release();
    }
  };

  /** Moves a block to the end of the list, so that the list stays in the order of use. */
  const keep = (block: number, bytes: Promise<Buffer>): void => {
    kept.delete(block);
    kept.set(block, bytes);
  };

  const forgetOldest = (): void => {
    let size = 0;
    for (const block of [...kept.keys()].toReversed()) {
      size += runSize(index, { first: block, end: block + 1 });
      if (size > keptLimit) {
        kept.delete(block);
      }
    }
  };

  const startRun = (run: Run): void => {
    const blocks = decodeBlocks(run);
    for (let block = run.first; block < run.end; block += 1) {
      const bytes = blocks.then((all) => all.get(block) ?? Buffer.alloc(0));
      keep(block, bytes);
      awaitedLater(bytes, () => kept.delete(block));
    }
  };

  /** Every block of the run, decoded or being decoded; in the order of the run. */
  const blocksOf = (run: Run): Promise<Buffer>[] => {
    let missing: Run | undefined;
    const startMissing = () => {
      if (missing !== undefined) {
        cutRun(index, missing, RUN_SIZE).forEach(startRun);
      }
      missing = undefined;
    };
    for (let block = run.first; block < run.end; block += 1) {
      if (kept.has(block)) {
        startMissing();
      } else {
        missing = { first: missing?.first ?? block, end: block + 1 };
      }
    }
    startMissing();
    const blocks: Promise<Buffer>[] = [];
    for (let block = run.first; block < run.end; block += 1) {
      const bytes = kept.get(block);
      if (bytes !== undefined) {
        keep(block, bytes);
        blocks.push(bytes);
      }
    }
    forgetOldest();
    return blocks;
  };

  const copyBytes = async (offset: number, result: Buffer): Promise<void> => {
    const first = blockAt(index, offset);
    const end = blockAt(index, offset + result.length - 1) + 1;
    let position = blockStart(index, first);
    for (const block of blocksOf({ first, end })) {
      const bytes = await block;
      // The first block may begin before what is asked for.
      bytes.copy(
        result,
        Math.max(position - offset, 0),
        Math.max(offset - position, 0),
      );
      position += bytes.length;
    }
  };

  const close = async (): Promise<void> => {
    const open = opening;
    opening = undefined;
    kept.clear();
    await (await open)?.close();
  };

  return {
    size: index.size,
    read: async (offset, length) => {
      if (offset < 0 || offset + length > index.size) {
        throw new RangeError(
          `the image ends at byte ${index.size}, asked for ${offset + length}`,
        );
      }
      const result = Buffer.allocUnsafe(length);
      reads += 1;
      try {
        if (length > 0) {
          await copyBytes(offset, result);
        }
        return result;
      } finally {
        reads -= 1;
      }
    },
    rest: async () => {
      if (reads === 0) {
        await close();
      }
    },
    close,
  };
};
