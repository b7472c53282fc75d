// The patch of one node as a file: which bytes of its image differ from the decoded base.
import { createHash } from "node:crypto";
import type { Carried } from "../base/proven-base.ts";
import { joinPatch } from "../image/join-patch.ts";
import { MBR_ENTRIES } from "../image/table/mbr.ts";
import type { Patch } from "../image/patch.ts";
import type { ReadRange } from "../image/recorded-source.ts";
import type { BaseRecord } from "../base/base-request.ts";

/** Raised when a field changes its meaning: 2 has `insert`, and 1 is written where nothing is inserted. */
const PATCH_SCHEMA = 1;
const SCHEMA_WITH_INSERT = 2;

type PatchFile = {
  readonly base: BaseRecord;
  /** Whether the whole base was compared with its checksum; false where only parts of it were read from a server. */
  readonly proven: boolean;
  readonly imageBytes: number;
  /** Every part of the base that the patch was made from. */
  readonly reads: readonly ReadRange[];
  /** What the base carries. */
  readonly carries?: Carried | undefined;
  readonly patch: Patch;
};

/** The table that knows of the new partition is a part like any other. */
const withTable = (patch: Patch, carries: Carried | undefined): Patch =>
  carries === undefined
    ? patch
    : joinPatch([
        ...patch,
        {
          offset: MBR_ENTRIES.offset,
          data: carries.insertion.sector.subarray(
            MBR_ENTRIES.offset,
            MBR_ENTRIES.offset + MBR_ENTRIES.length,
          ),
        },
      ]);

/**
 * JSON; offsets and lengths in bytes, data in base64. The file holds the node's secrets. `base.sha256` is the digest of the
 * base as it was given; `imageBytes` is the size of the decoded base and of the node's image. A patch that was made from
 * parts is proven by a base with `base.sha256` whose decoded bytes have the digests in `reads`.
 *
 * Where the card carries a bundle, `insert` comes before the parts: at byte `offset` of the decoded base the `bytes` of the
 * file with `sha256` are put in, with zeros up to `length`; what was there before moves behind it. `imageBytes` and the
 * parts' offsets are those of the longer image; the offsets in `reads` are the base's.
 */
export const renderPatchFile = ({
  base,
  proven,
  imageBytes,
  reads,
  carries,
  patch,
}: PatchFile): string =>
  `${JSON.stringify(
    {
      schema: carries === undefined ? PATCH_SCHEMA : SCHEMA_WITH_INSERT,
      base: { ...base, proven },
      imageBytes,
      reads,
      ...(carries === undefined
        ? {}
        : {
            insert: {
              offset: carries.insertion.offset,
              length: carries.insertion.length,
              bytes: carries.insertion.bytes,
              sha256: carries.sha256,
            },
          }),
      parts: withTable(patch, carries).map(({ offset, data }) => ({
        offset,
        length: data.length,
        sha256: createHash("sha256").update(data).digest("hex"),
        data: Buffer.from(
          data.buffer,
          data.byteOffset,
          data.byteLength,
        ).toString("base64"),
      })),
    },
    undefined,
    1,
  )}\n`;
