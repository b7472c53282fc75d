// The patch of one node as a file: which bytes stand where in its image in place of the decoded base's.
import { createHash } from "node:crypto";
import type { Patch } from "../image/patch.ts";
import type { BaseRecord } from "./manifest.ts";

/** Raised when a field changes its meaning. */
const PATCH_SCHEMA = 1;

/**
 * JSON; offsets and lengths in bytes, data in base64. It holds the node's secrets. `base.sha256` is that of the base as it
 * was given; `imageBytes` is the size of the decoded base and of the node's image.
 */
export const renderPatchFile = (
  base: BaseRecord,
  imageBytes: number,
  patch: Patch,
): string =>
  `${JSON.stringify(
    {
      schema: PATCH_SCHEMA,
      base,
      imageBytes,
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
