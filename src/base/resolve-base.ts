// From the name, path or address of a base image to a verified local file, open for reading.
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { openImage } from "../image/open-image.ts";
import type { ImageReader } from "../image/reader.ts";
import { UserError } from "../report/user-error.ts";
import { packageVersion } from "../system/package-files.ts";
import type { CacheOptions } from "./cache.ts";
import {
  checksumsBeside,
  demandChecksums,
  type ExpectedChecksum,
  givenChecksum,
} from "./checksums.ts";
import { digestFile } from "./digest-file.ts";
import type { DownloadOptions } from "./download.ts";
import { cachedArchive, fetchArchive } from "./fetch-archive.ts";
import { shownUrl } from "./http-request.ts";
import type { Catalogue, Release } from "./load-catalogue.ts";
import { NetworkFailure } from "./network-failure.ts";
import { findRelease } from "./release-list.ts";

export type BaseRequest = {
  /** A name from the catalogue, a path, or a file, http or https address. */
  readonly base: string;
  /** Whether the user asked for this base; a default may be replaced by a sample where there is no network. */
  readonly explicit: boolean;
  /** The checksum that the file as given must have. */
  readonly sha256?: string | undefined;
  /** Take a file from the network without any checksum. */
  readonly insecure?: boolean | undefined;
};

export type BaseImage = {
  /** The vendor's file name; the same on every computer. */
  readonly name: string;
  /** The archive or image on this computer. */
  readonly path: string;
  /** Of that file, in hex. */
  readonly sha256: string;
  readonly origin: "file" | "download" | "sample";
  readonly reader: ImageReader;
};

type ResolveOptions = CacheOptions & {
  readonly catalogue: Catalogue;
  /** For tests: shorter waits. */
  readonly pause?: number;
};

type Found = Omit<BaseImage, "reader">;

const downloadOptions = (options: ResolveOptions): DownloadOptions => ({
  ...options,
  userAgent: `pi-image/${packageVersion()}`,
});

/** Why a base cannot be had, for the user. */
const explainFailure = (base: string, failure: NetworkFailure): UserError =>
  failure.kind === "unreachable"
    ? new UserError(
        "BASE_UNREACHABLE",
        `the base image ${base} is not in the cache, and ${failure.message}`,
        {
          state: "nothing was written",
          hint: "connect to the network (http_proxy and https_proxy are honoured), or give an image file with --base; `--base sample` is for trying out",
          cause: failure,
        },
      )
    : new UserError(
        "DOWNLOAD_FAILED",
        `the base image ${base} cannot be downloaded: ${failure.message}`,
        {
          state: "what came so far is kept; the next run goes on from there",
          hint: "try again later, or download the image by other means and give the file with --base",
          cause: failure,
        },
      );

/** The digest of a file that the user gave; where it cannot be read, in the words of `openImage`. */
const digestOf = async (
  path: string,
  name: string,
  options: ResolveOptions,
): Promise<string> => {
  try {
    return await digestFile(path, { ...options, subject: name });
  } catch (error) {
    if (!options.signal.aborted) {
      await (await openImage(path)).close();
    }
    throw error;
  }
};

/** The file name at the end of an address. */
const nameIn = (url: URL): string => {
  const name = basename(url.pathname);
  try {
    return decodeURIComponent(name) || url.host;
  } catch {
    // A percent sign that escapes nothing.
    return name;
  }
};

const wrongAddress = (base: string, cause: unknown): UserError =>
  new UserError("WRONG_ARGUMENTS", `${base} is not a valid address`, {
    hint: "give a full address such as https://example.com/base.img.xz, or a path",
    cause,
  });

const resolveFile = async (
  path: string,
  given: ExpectedChecksum | undefined,
  origin: "file" | "sample",
  options: ResolveOptions,
): Promise<Found> => {
  const name = basename(path);
  const expected = [
    ...(given === undefined ? [] : [given]),
    ...(await checksumsBeside(path)),
  ];
  const sha256 = await digestOf(path, name, options);
  demandChecksums(path, sha256, expected);
  return { name, path, sha256, origin };
};

const resolveAddress = async (
  url: URL,
  given: ExpectedChecksum | undefined,
  { base, insecure }: BaseRequest,
  options: ResolveOptions,
): Promise<Found> => {
  const shown = shownUrl(url);
  if (given === undefined && insecure !== true) {
    throw new UserError(
      "CHECKSUM_MISSING",
      `${shown} comes from the network, and nothing says what it should be`,
      {
        state: "nothing was downloaded",
        hint: "give the publisher's checksum with --sha256, or say --insecure to take whatever comes",
      },
    );
  }
  const name = nameIn(url);
  try {
    const archive = await fetchArchive(
      { url, name, sha256: given?.sha256, from: given?.from ?? shown },
      downloadOptions(options),
    );
    return { name, ...archive, origin: "download" };
  } catch (error) {
    throw error instanceof NetworkFailure
      ? explainFailure(base === url.href ? shown : base, error)
      : error;
  }
};

/** The newest image of a release: from the cache, or downloaded. Throws NetworkFailure. */
const resolveRelease = async (
  name: string,
  release: Release,
  given: ExpectedChecksum | undefined,
  options: ResolveOptions,
): Promise<Found> => {
  const http = downloadOptions(options);
  const { newest, stale } = await findRelease(name, release, http);
  demandChecksums(
    newest.file,
    newest.sha256,
    given === undefined ? [] : [given],
  );
  const cached = await cachedArchive(newest.sha256, newest.file, options);
  if (stale !== undefined) {
    if (cached === undefined) {
      throw stale;
    }
    options.report({
      type: "notice",
      message: `${stale.message}: taking ${newest.file} from the cache without looking for a newer one`,
    });
  }
  const archive =
    cached ?? (await fetchArchive({ ...newest, name: newest.file }, http));
  return { name: newest.file, ...archive, origin: "download" };
};

const resolveSample = async (
  name: string,
  given: ExpectedChecksum | undefined,
  options: ResolveOptions,
): Promise<Found> => {
  const sample = options.catalogue.samples.get(name);
  if (sample === undefined) {
    throw new Error(`the catalogue has no sample ${name}`);
  }
  return resolveFile(sample.path, given, "sample", options);
};

const resolveReleaseOrSample = async (
  release: Release,
  given: ExpectedChecksum | undefined,
  { base, explicit }: BaseRequest,
  options: ResolveOptions,
): Promise<Found> => {
  try {
    return await resolveRelease(base, release, given, options);
  } catch (error) {
    if (!(error instanceof NetworkFailure)) {
      throw error;
    }
    if (explicit || error.kind !== "unreachable" || given !== undefined) {
      throw explainFailure(base, error);
    }
    options.report({
      type: "warning",
      message: `no network: built from the sample base, which does not boot on a Pi; it is for trying out (${error.message})`,
      hint: `connect to the network for ${release.title}, or give an image file with --base`,
    });
    return resolveSample(release.sample, undefined, options);
  }
};

const filePath = (base: string): string => {
  if (!base.startsWith("file:")) {
    return resolve(base);
  }
  try {
    return fileURLToPath(base);
  } catch (error) {
    throw wrongAddress(base, error);
  }
};

const fileOf = async (
  base: string,
  { catalogue }: ResolveOptions,
): Promise<string> => {
  const path = filePath(base);
  const found = await stat(path).catch((error: unknown) => error);
  if (
    found instanceof Error &&
    "code" in found &&
    (found.code === "ENOENT" || found.code === "ENOTDIR")
  ) {
    const names = [...catalogue.releases.keys(), ...catalogue.samples.keys()];
    throw new UserError(
      "BASE_NOT_FOUND",
      `${base} is neither in the catalogue nor a file`,
      {
        state: "nothing was written",
        hint: `give the path of an image, or one of: ${names.join(", ")}`,
      },
    );
  }
  return path;
};

const find = async (
  request: BaseRequest,
  options: ResolveOptions,
): Promise<Found> => {
  const { base } = request;
  const given = givenChecksum(request.sha256);
  const release = options.catalogue.releases.get(base);
  if (release !== undefined) {
    return resolveReleaseOrSample(release, given, request, options);
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
  return resolveFile(await fileOf(base, options), given, "file", options);
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
  return { ...found, reader: await openImage(found.path) };
};
