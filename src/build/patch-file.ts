// The patch of one node as a file: which bytes of its image differ from the decoded base.
import { createHash } from "node:crypto";
import type { Patch } from "../image/patch.ts";
import type { ReadRange } from "../image/recorded-source.ts";
import type { BaseRecord } from "../base/base-request.ts";

/** Raised when a field changes its meaning. */
const PATCH_SCHEMA = 1;

type PatchFile = {
  readonly base: BaseRecord;
  /** Whether the whole base was compared with its checksum; false where only parts of it were read from a server. */
  readonly proven: boolean;
  readonly imageBytes: number;
  /** Every part of the base that the patch was made from. */
  readonly reads: readonly ReadRange[];
  readonly patch: Patch;
};

/**
 * JSON; offsets and lengths in bytes, data in base64. The file holds the node's secrets. `base.sha256` is the digest of the
 * base as it was given; `imageBytes` is the size of the decoded base and of the node's image. A patch that was made from
 * parts is proven by a base with `base.sha256` whose decoded bytes have the digests in `reads`.
 */
export const renderPatchFile = ({
  base,
  proven,
  imageBytes,
  reads,
  patch,
}: PatchFile): string =>
  `${JSON.stringify(
    {
      schema: PATCH_SCHEMA,
      base: { ...base, proven },
      imageBytes,
      reads,
      parts: patch.map(({ offset, data }) => ({
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
