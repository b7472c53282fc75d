// The errors about an image file that cannot be trusted or used.
import { UserError } from "../../report/user-error.ts";

/** The file is cut, corrupt or lies about itself; `what` says which part of it. */
export const imageDamaged = (
  path: string,
  what: string,
  facts: readonly string[] = [],
  cause?: unknown,
): UserError =>
  new UserError("IMAGE_DAMAGED", `${path} is damaged: ${what}`, {
    facts: facts.filter((fact) => fact !== ""),
    state: "nothing was written",
    hint: "download or copy the file again, and compare its checksum with the published one",
    cause,
  });

/** The file seems whole, but pi-image does not accept it. */
export const imageRefused = (
  path: string,
  why: string,
  hint: string,
): UserError =>
  new UserError("IMAGE_REFUSED", `${path} is refused: ${why}`, {
    state: "nothing was written",
    hint,
  });

/** No base image has more decoded bytes than this; what claims more is a decompression bomb. */
export const MAX_IMAGE_SIZE = 2 ** 40;

export const imageTooLarge = (path: string): UserError =>
  imageRefused(
    path,
    "it claims to unpack to more than 1 TiB",
    "use a base image that fits on a card",
  );
