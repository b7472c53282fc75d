// The base of the boot tests for the architecture that was asked for, with the stand-ins in it.
import { baseImage, type Base } from "../base/base-image.ts";
import type { Arch } from "../base/recipe.ts";
import { standInImage } from "./vendor-image.ts";

/** `npm run test:boot -- --arch arm64` sets the variable. */
export const wantedArch = (): Arch =>
  process.env["PI_IMAGE_BOOT_ARCH"] === "arm64" ? "arm64" : "amd64";

export const standInBase = async (): Promise<{
  readonly base: Base;
  readonly image: string;
}> => {
  const base = await baseImage(wantedArch());
  return { base, image: await standInImage(base) };
};
