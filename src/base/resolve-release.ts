// A base image that the catalogue names: the newest of its release, or a sample where there is no network.
import { baseFailure } from "./base-failure.ts";
import {
  type BaseRequest,
  downloadOptions,
  type FoundBase,
  type ResolveOptions,
} from "./base-request.ts";
import { demandChecksums, type ExpectedChecksum } from "./checksums.ts";
import { cachedArchive, fetchArchive } from "./fetch-archive.ts";
import type { Release } from "./load-catalogue.ts";
import { NetworkFailure } from "./network-failure.ts";
import { findRelease } from "./release-list.ts";
import { resolveSample } from "./resolve-file.ts";

/** The newest image of a release: from the cache, or downloaded. Throws NetworkFailure. */
const resolveNewest = async (
  name: string,
  release: Release,
  given: ExpectedChecksum | undefined,
  options: ResolveOptions,
): Promise<FoundBase> => {
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

/** The newest image of the release; a default may become a sample, with a warning. */
export const resolveRelease = async (
  release: Release,
  given: ExpectedChecksum | undefined,
  { base, explicit }: BaseRequest,
  options: ResolveOptions,
): Promise<FoundBase> => {
  try {
    return await resolveNewest(base, release, given, options);
  } catch (error) {
    if (!(error instanceof NetworkFailure)) {
      throw error;
    }
    if (explicit || error.kind !== "unreachable" || given !== undefined) {
      throw baseFailure(base, error);
    }
    options.report({
      type: "warning",
      message: `no network: built from the sample base, which does not boot on a Pi; it is for trying out (${error.message})`,
      hint: `connect to the network for ${release.title}, or give an image file with --base`,
    });
    return resolveSample(release.sample, undefined, options);
  }
};
