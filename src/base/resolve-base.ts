// From the name, path or address of a base image to a verified local file, open for reading.
import { openImage } from "../image/open-image.ts";
import type { ImageReader } from "../image/reader.ts";
import type { BaseRequest, FoundBase, ResolveOptions } from "./base-request.ts";
import { rememberUse } from "./cache-names.ts";
import { givenChecksum } from "./checksums.ts";
import { keepLimit } from "./prune-cache.ts";
import { resolveAddress } from "./resolve-address.ts";
import {
  resolveGivenFile,
  resolveSample,
  wrongAddress,
} from "./resolve-file.ts";
import { isRootfs, rootfsBase } from "./rootfs-base.ts";
import { resolveRelease } from "./resolve-release.ts";

export type BaseImage = Omit<FoundBase, "reader"> & {
  readonly reader: ImageReader;
};

const find = async (
  request: BaseRequest,
  options: ResolveOptions,
): Promise<FoundBase> => {
  const { base } = request;
  const given = givenChecksum(request.sha256);
  const release = options.catalogue.releases.get(base);
  if (release !== undefined) {
    return {
      ...(await resolveRelease(release, given, request, options)),
      known: true,
    };
  }
  if (options.catalogue.samples.has(base)) {
    return resolveSample(base, given, options);
  }
  if (/^https?:\/\//i.test(base)) {
    if (!URL.canParse(base)) {
      throw wrongAddress(base, undefined);
    }
    return resolveAddress(new URL(base), given, request, options);
  }
  return resolveGivenFile(request, given, options);
};

/**
 * Finds, downloads where needed, and verifies a base image; close its reader when done. Throws BASE_NOT_FOUND,
 * BASE_UNREACHABLE, DOWNLOAD_FAILED, CHECKSUM_*, SIGNATURE_WRONG, and what `openImage` throws.
 */
export const resolveBase = async (
  request: BaseRequest,
  options: ResolveOptions,
): Promise<BaseImage> => {
  const found = await find(request, options);
  if (found.reader === undefined && found.origin !== "sample") {
    await rememberUse(options.env, found.sha256, found.name);
  }
  if (found.origin === "download") {
    await keepLimit(options);
  }
  if (!isRootfs(found.name)) {
    return { ...found, reader: found.reader ?? (await openImage(found.path)) };
  }
  const path = await rootfsBase(found, options);
  // Whoever made the archive: its file systems are made here.
  return { ...found, path, reader: await openImage(path), known: true };
};
