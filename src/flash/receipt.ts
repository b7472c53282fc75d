// The record of one flash: what was written, to which card, and how it was proven; never a secret.
import { z } from "zod";
import type { UsableTarget } from "../device/target.ts";
import type { Range } from "../image/range.ts";
import type { FlashPlan } from "./plan-flash.ts";
import type { TargetResult } from "./run-flash.ts";
import { SEGMENT_BYTES } from "./segments.ts";

export const receiptSchema = z.object({
  schema: z.literal(1),
  time: z.iso.datetime(),
  tool: z.string(),
  result: z.enum(["proven", "failed"]),
  error: z
    .object({
      code: z.string(),
      message: z.string(),
      state: z.string().optional(),
    })
    .optional(),
  node: z.object({ name: z.string(), instanceId: z.string() }).optional(),
  image: z.object({
    label: z.string(),
    size: z.int().positive(),
    sha256: z.string().optional(),
    base: z
      .object({ label: z.string(), sha256: z.string().optional() })
      .optional(),
    bundle: z.object({ sha256: z.string() }).optional(),
    /** What was wrong with it before it was written, and what was said about its block map. */
    findings: z
      .array(z.object({ code: z.string(), message: z.string() }))
      .optional(),
    notes: z.array(z.string()).optional(),
  }),
  target: z.object({
    path: z.string(),
    kind: z.enum(["device", "file"]),
    byId: z.array(z.string()),
    vendor: z.string().optional(),
    model: z.string().optional(),
    serial: z.string().optional(),
    size: z.int().nonnegative(),
  }),
  wipe: z.boolean(),
  map: z.enum(["bmap file", "file systems", "whole image"]),
  bytesWritten: z.int().nonnegative(),
  bytesReadBack: z.int().nonnegative(),
  piecesWrittenAgain: z.int().nonnegative(),
  readBack: z.enum(["medium", "page cache"]),
  seconds: z.number().nonnegative(),
  /**
   * What the card holds: CRC-32 of each piece. Pieces end where a range ends and at multiples of `pieceBytes`.
   */
  content: z
    .object({
      pieceBytes: z.literal(SEGMENT_BYTES),
      /** "offset+length" of each range, in bytes. */
      ranges: z.string().regex(/^\d+\+\d+( \d+\+\d+)*$/),
      /** Eight hex digits a piece. */
      crc32: z.string().regex(/^([0-9a-f]{8})*$/),
    })
    .optional(),
});

export type Receipt = z.infer<typeof receiptSchema>;

export type ReceiptFacts = {
  readonly plan: FlashPlan;
  readonly result: TargetResult;
  readonly time: Date;
  /** Name and version of the program. */
  readonly tool: string;
  readonly node?:
    { readonly name: string; readonly instanceId: string } | undefined;
  readonly base?:
    | { readonly label: string; readonly sha256?: string | undefined }
    | undefined;
  readonly bundle?: { readonly sha256: string } | undefined;
};

const targetOf = (
  target: UsableTarget,
  imageSize: number,
): Receipt["target"] =>
  target.kind === "file"
    ? {
        path: target.path,
        kind: "file",
        byId: [],
        size: Math.max(target.size, imageSize),
      }
    : {
        path: target.path,
        kind: "device",
        byId: [...target.device.byId],
        vendor: target.device.vendor,
        model: target.device.model,
        serial: target.device.serial,
        size: target.device.size,
      };

const contentOf = (
  ranges: readonly Range[],
  sums: Uint32Array,
): Receipt["content"] => ({
  pieceBytes: SEGMENT_BYTES,
  ranges: ranges.map(({ offset, length }) => `${offset}+${length}`).join(" "),
  crc32: [...sums].map((sum) => sum.toString(16).padStart(8, "0")).join(""),
});

/** The receipt as data; a failed flash has no content. */
export const receiptOf = (facts: ReceiptFacts): Receipt => {
  const { plan, result } = facts;
  const { error } = result;
  return {
    schema: 1,
    time: facts.time.toISOString(),
    tool: facts.tool,
    result: error === undefined ? "proven" : "failed",
    error:
      error === undefined
        ? undefined
        : { code: error.code, message: error.message, state: error.state },
    node: facts.node,
    image: {
      ...plan.image,
      base: facts.base,
      bundle: facts.bundle,
      findings: plan.findings.length === 0 ? undefined : [...plan.findings],
      notes: plan.notes.length === 0 ? undefined : [...plan.notes],
    },
    target: targetOf(plan.target, plan.image.size),
    wipe: plan.wipe,
    map: plan.mapSource,
    bytesWritten: result.bytesWritten,
    bytesReadBack: result.bytesReadBack,
    piecesWrittenAgain: result.rewritten,
    readBack: result.readBack,
    seconds: Math.round(result.seconds * 10) / 10,
    content:
      error === undefined ? contentOf(plan.ranges, result.sums) : undefined,
  };
};

type Content = {
  readonly ranges: readonly Range[];
  readonly sums: Uint32Array;
};

const parseContent = (content: NonNullable<Receipt["content"]>): Content => ({
  ranges: content.ranges.split(" ").map((text) => {
    const [offset = 0, length = 0] = text.split("+").map(Number);
    return { offset, length };
  }),
  sums: Uint32Array.from(content.crc32.match(/.{8}/g) ?? [], (digits) =>
    Number.parseInt(digits, 16),
  ),
});

/** The ranges and checksums that `contentOf` has put into a receipt; undefined where they cannot belong to its image. */
export const contentIn = (
  content: NonNullable<Receipt["content"]>,
  imageSize: number,
): Content | undefined => {
  const parsed = parseContent(content);
  let end = 0;
  for (const { offset, length } of parsed.ranges) {
    if (offset < end || length === 0 || offset + length > imageSize) {
      return undefined;
    }
    end = offset + length;
  }
  return parsed;
};
