// The SHA-256 of the image inside a packed file.
import { createHash } from "node:crypto";
import { openImage } from "../../image/archive/open-image.ts";
import { UserError } from "../../report/user-error.ts";

/** Hex, lower case; undefined for a file that is not packed, and for one that cannot be unpacked. */
export const unpackedDigest = async (
  path: string,
  signal: AbortSignal,
): Promise<string | undefined> => {
  try {
    const reader = await openImage(path);
    try {
      if (reader.format === "raw") {
        return undefined;
      }
      const hash = createHash("sha256");
      let end = 0;
      for await (const { offset, data } of reader.chunks()) {
        signal.throwIfAborted();
        if (offset !== end) {
          throw new Error(`${path} was decoded with a gap at byte ${end}`);
        }
        hash.update(data);
        end = offset + data.length;
      }
      return hash.digest("hex");
    } finally {
      await reader.close();
    }
  } catch (error) {
    // The file is damaged or not an image at all; the message about its checksum says enough.
    if (error instanceof UserError) {
      return undefined;
    }
    throw error;
  }
};
