// Looks at an image file before it is written: what is wrong with it, and for which sectors it was made.
import { fileUsers } from "../device/look/file-users.ts";
import { listDevices } from "../device/helper/device-work.ts";
import { type ImageFinding, imageFindings } from "../flash/image-findings.ts";
import { lookAtImage } from "../image/look/look-image.ts";
import type { ImageReader } from "../image/reader.ts";
import type { SectorSize } from "../image/table/table.ts";
import { UserError } from "../report/user-error.ts";

export type ImageLook = {
  readonly findings: readonly ImageFinding[];
  /** The sector size in which its partition table counts; undefined without a table. */
  readonly sectorSize: SectorSize | undefined;
};

/** @param size bytes of the decoded image */
export const lookAtImageFile = async (
  reader: ImageReader,
  size: number,
  signal: AbortSignal,
): Promise<ImageLook> => {
  const looked = await lookAtImage(reader, size, signal);
  const users = await fileUsers(reader.path, listDevices);
  return {
    findings: imageFindings({ ...looked, users }),
    sectorSize:
      looked.table.kind === "none" ? undefined : looked.table.sectorSize,
  };
};

type Doubted = {
  readonly label: string;
  readonly findings: readonly ImageFinding[];
  /** Whether a checksum proves it, or has proven it already. */
  readonly proven: boolean;
};

/**
 * At a terminal the user sees what was found and decides. A script gets an image with findings only where a checksum says
 * that its publisher made it like that.
 * @throws UserError IMAGE_DOUBTFUL
 */
export const demandSoundImage = (
  { label, findings, proven }: Doubted,
  { yes, insecure }: { readonly yes: boolean; readonly insecure: boolean },
): void => {
  if (!yes || insecure || proven || findings.length === 0) {
    return;
  }
  throw new UserError(
    "IMAGE_DOUBTFUL",
    `something is wrong with ${label}, and no checksum proves that it was published like this`,
    {
      facts: findings.map(({ message }) => message),
      state: "nothing was written",
      hint: "get the image again, or prove it with --sha256; --insecure writes it as it is",
    },
  );
};
