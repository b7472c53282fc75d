// The image that a command line names: a file, standard input, a pipe, or an address.
import type { Report } from "../report/events.ts";
import type { CacheOptions } from "../network/cache.ts";
import { loadCatalogue } from "../base/load-catalogue.ts";
import { checksumAtAddress } from "../base/proof/address-checksum.ts";
import { baseFailure } from "../base/base-failure.ts";
import { rememberUse } from "../network/cache-names.ts";
import {
  demandFileChecksums,
  givenChecksum,
  type ExpectedChecksum,
} from "../base/proof/checksums.ts";
import { shownUrl } from "../network/http-request.ts";
import { NetworkFailure } from "../network/network-failure.ts";
import { resolveAddress } from "../base/resolve-address.ts";
import { demandUnasked, type SignedBy } from "../base/proof/signed-by.ts";
import { demandedChecksum } from "../base/proof/signed-checksum.ts";
import { UserError } from "../report/user-error.ts";
import {
  type FlashSource,
  type ImageOptions,
  openImageFile,
} from "./image-source.ts";
import { isStream, type SpooledImage, spoolIfPipe } from "./spooled-image.ts";

type NamedOptions = {
  readonly wipe?: boolean | undefined;
  readonly sha256?: string | undefined;
  readonly signedBy?: SignedBy | undefined;
  /** Whether an address without a checksum is accepted. */
  readonly insecure?: boolean | undefined;
};

/** The path of the temporary copy would mean nothing to a user who gave an address or a pipe. */
const renamed = (error: unknown, path: string, label: string): unknown =>
  error instanceof UserError
    ? new UserError(error.code, error.message.replaceAll(path, label), {
        facts: error.facts.map((fact) => fact.replaceAll(path, label)),
        hint: error.hint,
        state: error.state,
        cause: error.cause,
      })
    : error;

const openCopy = async (
  surroundings: CacheOptions,
  path: string,
  label: string,
  options: ImageOptions,
): Promise<FlashSource> => {
  const report: Report = (event) =>
    surroundings.report(
      "subject" in event && event.subject === path
        ? { ...event, subject: label }
        : event,
    );
  try {
    const opened = await openImageFile(
      { ...surroundings, report },
      path,
      options,
    );
    const { proveImage } = opened;
    return {
      ...opened,
      label,
      proveImage:
        proveImage &&
        (async (signal) => {
          try {
            await proveImage(signal);
          } catch (error) {
            throw renamed(error, path, label);
          }
        }),
    };
  } catch (error) {
    throw renamed(error, path, label);
  }
};

/**
 * Compares a copied image with the user's checksum before anything is written, which is possible because all of its bytes
 * are here.
 */
const demandSpooled = async (
  { path, label, sha256 }: SpooledImage,
  given: string | undefined,
  signal: AbortSignal,
): Promise<void> => {
  const expected = givenChecksum(given);
  if (expected === undefined) {
    return;
  }
  try {
    await demandFileChecksums(path, sha256, [expected], signal);
  } catch (error) {
    throw renamed(error, path, label);
  }
};

const fetchImage = async (
  address: string,
  { insecure, ...demands }: NamedOptions,
  surroundings: CacheOptions,
): Promise<{
  readonly path: string;
  readonly label: string;
  readonly expected: ExpectedChecksum | undefined;
}> => {
  const url = new URL(address);
  const label = shownUrl(url);
  const catalogue = await loadCatalogue(surroundings.env);
  const options = { ...surroundings, catalogue };
  try {
    const expected =
      (await demandedChecksum(url, demands, options)) ??
      (await checksumAtAddress(url, options));
    const request = { base: address, explicit: true, insecure };
    const found = await resolveAddress(url, expected, request, options);
    await rememberUse(surroundings.env, found.sha256, found.name);
    return { path: found.path, label, expected };
  } catch (error) {
    throw error instanceof NetworkFailure ? baseFailure(label, error) : error;
  }
};

/** Checked before anything is read from a pipe, because a pipe has no folder beside it. */
const demandFolder = async (
  image: string,
  { signedBy }: NamedOptions,
): Promise<void> => {
  if (signedBy !== undefined && (await isStream(image))) {
    demandUnasked(
      signedBy,
      (named) =>
        `${named} needs the list beside the image, and ${image === "-" ? "standard input" : image} has nothing beside it`,
      "give the image as a file or an address; or check the list with gpgv, and give the image's checksum with --sha256",
    );
  }
};

/**
 * Opens the image. What comes from a pipe is copied to a file that goes with the source, and what an address names is
 * fetched into the cache. Throws what `openImageFile` and `demandedChecksum` do, CHECKSUM_MISSING for an address that nothing proves,
 * CHECKSUM_MISMATCH, DOWNLOAD_FAILED, BASE_UNREACHABLE, and DISK_FULL.
 */
export const openNamedImage = async (
  surroundings: CacheOptions,
  image: string,
  options: NamedOptions = {},
): Promise<FlashSource> => {
  if (/^https?:\/\//i.test(image) && URL.canParse(image)) {
    const { path, label, expected } = await fetchImage(
      image,
      options,
      surroundings,
    );
    const { wipe } = options;
    return openCopy(surroundings, path, label, { wipe, expected });
  }
  await demandFolder(image, options);
  const spooled = await spoolIfPipe(image, surroundings);
  if (spooled === undefined) {
    return openImageFile(surroundings, image, options);
  }
  const { path, label, remove } = spooled;
  try {
    await demandSpooled(spooled, options.sha256, surroundings.signal);
    const source = await openCopy(surroundings, path, label, options);
    return {
      ...source,
      close: async () => {
        await source.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
};
