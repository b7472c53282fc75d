// Looks for secrets in the bytes of a whole image.
import { applyPatch, type Patch } from "../image/patch.ts";
import { rangeEnd, type Range } from "../image/range.ts";
import type { Source } from "../image/source.ts";
import type { Report } from "../report/events.ts";
import { findSecrets, type KnownSecret, OVERLAP } from "./find-secrets.ts";
import type { SecretFinding } from "./scan-texts.ts";

type ScanJob = {
  /** The decoded base. */
  readonly source: Source;
  readonly patch: Patch;
  /** The ranges to search, normalised. */
  readonly ranges: readonly Range[];
  readonly known: readonly KnownSecret[];
  readonly subject: string;
  readonly report: Report;
  readonly signal: AbortSignal;
};

const PIECE = 8 * 1024 * 1024;

/** Overlapping pieces of the ranges, so that what lies across a border is complete in one of them. */
const pieces = function* (ranges: readonly Range[]): Generator<Range> {
  for (const range of ranges) {
    const end = rangeEnd(range);
    for (let offset = range.offset; offset < end; offset += PIECE - OVERLAP) {
      yield { offset, length: Math.min(PIECE, end - offset) };
      if (offset + PIECE >= end) {
        break;
      }
    }
  }
};

/**
 * Searches the bytes in the order of the disk and not file by file. That suffices, because a file is stored in one piece, or
 * in pieces of whole blocks, the first of which has the beginning of a key.
 */
export const scanImage = async (
  job: ScanJob,
): Promise<readonly SecretFinding[]> => {
  const { source, patch, ranges, subject, report, signal } = job;
  const phase = "look for secrets";
  const total = ranges.reduce((sum, { length }) => sum + length, 0);
  const known = job.known.filter(({ random }) => random);
  const findings = new Map<number, SecretFinding>();
  let done = 0;
  report({ type: "phase", phase, subject, total });
  for (const { offset, length } of pieces(ranges)) {
    signal.throwIfAborted();
    const data = await source.read(offset, length);
    applyPatch(patch, offset, data);
    for (const match of findSecrets(data, known)) {
      const at = offset + match.offset;
      findings.set(at, { kind: match.kind, place: `byte:${at}` });
    }
    done = Math.min(total, done + length);
    report({ type: "progress", phase, subject, done, total });
  }
  return [...findings.values()];
};
