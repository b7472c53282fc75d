// The patch of one node as a file: which bytes stand where in its image in place of the decoded base's.
import { createHash } from "node:crypto";
import type { Patch } from "../image/patch.ts";
import type { ReadRange } from "../image/recorded-source.ts";
import type { BaseRecord } from "../base/base-request.ts";

/** Raised when a field changes its meaning. */
const PATCH_SCHEMA = 1;

type PatchFile = {
  readonly base: BaseRecord;
  /** Whether the whole base was compared with its checksum, and not only parts of it read from a server. */
  readonly proven: boolean;
  readonly imageBytes: number;
  /** All that the patch was made from. */
  readonly reads: readonly ReadRange[];
  readonly patch: Patch;
};

/**
 * JSON; offsets and lengths in bytes, data in base64. It holds the node's secrets. `base.sha256` is that of the base as it
 * was given; `imageBytes` is the size of the decoded base and of the node's image. A base with `base.sha256` whose decoded
 * bytes have the digests of `reads` proves a patch that was made from parts.
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
