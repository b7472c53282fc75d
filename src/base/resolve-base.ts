// From the name, path or address of a base image to a verified local file, open for reading.
import { openImage } from "../image/archive/open-image.ts";
import type { BaseRequest, FoundBase, ResolveOptions } from "./base-request.ts";
import { rememberUse } from "../network/cache-names.ts";
import { type ExpectedChecksum, givenChecksum } from "./proof/checksums.ts";
import { demandUnasked } from "./proof/signed-by.ts";
import { demandedChecksum } from "./proof/signed-checksum.ts";
import { baseFailure } from "./base-failure.ts";
import { shownUrl } from "../network/http-request.ts";
import { NetworkFailure } from "../network/network-failure.ts";
import { keepLimit } from "../network/prune-cache.ts";
import { resolveAddress } from "./resolve-address.ts";
import {
  resolveGivenFile,
  resolveSample,
  wrongAddress,
} from "./resolve-file.ts";
import { isRootfs, rootfsBase } from "./rootfs-base.ts";
import { provenBase, type ProvenBase } from "./proven-base.ts";
import { resolveRelease } from "./resolve-release.ts";

/** Refuses --signed-by for a name in the catalogue, which has its maker's key. */
const demandOwn = ({ base, signedBy }: BaseRequest): void =>
  demandUnasked(
    signedBy,
    (named) =>
      `${named} is for an image file or its address, and ${base} is in the catalogue, which has the key of its maker`,
    "leave --signed-by out",
  );

/**
 * The checksum that the user demands. For what the lockfile pins, a standing demand for a signature is not checked again
 * where there is no network.
 */
const checksumOf = async (
  url: URL,
  request: BaseRequest,
  options: ResolveOptions,
): Promise<ExpectedChecksum | undefined> => {
  const { pin, signedBy } = request;
  try {
    return await demandedChecksum(url, request, options);
  } catch (error) {
    if (!(error instanceof NetworkFailure)) {
      throw error;
    }
    if (
      pin === undefined ||
      signedBy?.standing !== true ||
      error.kind === "refused"
    ) {
      throw baseFailure(shownUrl(url), error);
    }
    options.report({
      type: "notice",
      message: `${error.message}: taking ${shownUrl(url)} as ${pin.from} pins it; whether a key of ${signedBy.named} has signed it was not looked at again`,
    });
    return undefined;
  }
};

const find = async (
  request: BaseRequest,
  options: ResolveOptions,
): Promise<FoundBase> => {
  const { base } = request;
  const release = options.catalogue.releases.get(base);
  if (release !== undefined) {
    demandOwn(request);
    const given = givenChecksum(request.sha256);
    return {
      ...(await resolveRelease(release, given, request, options)),
      known: true,
    };
  }
  if (options.catalogue.samples.has(base)) {
    demandOwn(request);
    return resolveSample(base, givenChecksum(request.sha256), options);
  }
  if (/^https?:\/\//i.test(base)) {
    if (!URL.canParse(base)) {
      throw wrongAddress(base, undefined);
    }
    const url = new URL(base);
    const given = await checksumOf(url, request, options);
    return resolveAddress(url, given, request, options);
  }
  return resolveGivenFile(request, options);
};

/**
 * Finds, downloads where needed, and verifies a base image; close it when done. Throws BASE_NOT_FOUND,
 * BASE_UNREACHABLE, DOWNLOAD_FAILED, CHECKSUM_*, SIGNATURE_WRONG, and what `openImage` throws.
 */
export const resolveBase = async (
  request: BaseRequest,
  options: ResolveOptions,
): Promise<ProvenBase> => {
  const found = await find(request, options);
  if (found.reader === undefined && found.origin !== "sample") {
    await rememberUse(options.env, found.sha256, found.name);
  }
  if (found.origin === "download") {
    await keepLimit(options);
  }
  if (!isRootfs(found.name)) {
    const reader = found.reader ?? (await openImage(found.path));
    return provenBase(found, reader, options);
  }
  const path = await rootfsBase(found, options);
  // Known, whoever made the archive, because its file systems are made here.
  const made = { ...found, path, known: true };
  return provenBase(made, await openImage(path), options);
};
