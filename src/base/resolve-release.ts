// A base image that the catalogue names: the pinned or newest one of its release, or a sample where there is no network.
import { UserError } from "../report/user-error.ts";
import { baseFailure } from "./base-failure.ts";
import {
  type BasePin,
  type BaseRequest,
  downloadOptions,
  type FoundBase,
  type ResolveOptions,
} from "./base-request.ts";
import { demandChecksums, type ExpectedChecksum } from "./proof/checksums.ts";
import { cachedArchive, fetchArchive } from "./fetch-archive.ts";
import type { FoundRelease, ReleaseFile } from "./found-release.ts";
import type { Release } from "./load-catalogue.ts";
import { NetworkFailure } from "../network/network-failure.ts";
import { pinDiffers, pinnedFile, updateHint } from "./pinned-file.ts";
import { openRemoteReader } from "./remote-reader.ts";
import { findInSignedList } from "./proof/release-list.ts";
import { resolveSample } from "./resolve-file.ts";
import { findSignedFile } from "./proof/signed-file.ts";

/** Throws NetworkFailure, KEY_WRONG, SIGNATURE_WRONG or CHECKSUM_LIST_WRONG. */
export const findRelease = (
  name: string,
  release: Release,
  options: ResolveOptions,
): Promise<FoundRelease> =>
  release.signed === "list"
    ? findInSignedList(name, release, options)
    : findSignedFile(name, release, options);

/** Fetches the file unless the cache has it. */
export const fetchReleaseFile = async (
  wanted: ReleaseFile,
  { stale, remember }: FoundRelease,
  options: ResolveOptions,
): Promise<FoundBase> => {
  const { file, sha256 } = wanted;
  const cached =
    sha256 === undefined
      ? undefined
      : await cachedArchive(sha256, file, options);
  if (stale !== undefined) {
    if (cached === undefined) {
      throw stale;
    }
    options.report({
      type: "notice",
      message: `${stale.message}: taking ${file} from the cache without looking for a newer one`,
    });
  }
  // A file with a signature of its own can only be verified as a whole.
  if (
    cached === undefined &&
    options.parts === true &&
    sha256 !== undefined &&
    wanted.prove === undefined
  ) {
    const parts = { urls: wanted.urls, sha256, name: file };
    const remote = await openRemoteReader(parts, options);
    if (remote !== undefined) {
      const { path } = remote.reader;
      return { name: file, path, sha256, origin: "download", ...remote };
    }
  }
  // The checksum alone says which file it is, but not that the vendor has signed it, so that is verified too.
  if (cached !== undefined) {
    await wanted.prove?.(cached.path);
  }
  const archive =
    cached ??
    (await fetchArchive({ ...wanted, name: file }, downloadOptions(options)));
  await remember(wanted, archive.sha256);
  return { name: file, ...archive, origin: "download" };
};

/** Explains that the vendor has removed the pinned file, or has put another one in its place. */
const explainPin = (
  name: string,
  pin: BasePin,
  { newest }: FoundRelease,
  error: unknown,
): unknown => {
  if (error instanceof NetworkFailure && error.kind === "refused") {
    return new UserError(
      "BASE_PIN_GONE",
      `${pin.from} pins ${pin.file}, which is not in the cache, and ${error.message}`,
      {
        facts: [`the vendor offers ${newest.file} now`],
        state: "nothing was written",
        hint: `${updateHint(name)}; or give the pinned file itself with --base`,
        cause: error,
      },
    );
  }
  return error instanceof UserError && error.code === "CHECKSUM_MISMATCH"
    ? pinDiffers(
        name,
        pin,
        newest.urls[0]?.host ?? newest.from,
        error.facts.at(-1)?.split(/\s+/).at(-1) ?? "",
      )
    : error;
};

/** The file that an earlier build took: from the cache, without asking a server, or fetched again. */
const resolvePinned = async (
  name: string,
  release: Release,
  pin: BasePin,
  options: ResolveOptions,
): Promise<FoundBase> => {
  const cached = await cachedArchive(pin.sha256, pin.file, options);
  if (cached !== undefined) {
    return { name: pin.file, ...cached, origin: "download" };
  }
  const found = await findRelease(name, release, options);
  const wanted = {
    ...pinnedFile(name, release, found, pin, options),
    sha256: pin.sha256,
  };
  return fetchReleaseFile(wanted, found, options).catch((error: unknown) => {
    throw explainPin(name, pin, found, error);
  });
};

const resolveNewest = async (
  name: string,
  release: Release,
  given: ExpectedChecksum | undefined,
  options: ResolveOptions,
): Promise<FoundBase> => {
  const found = await findRelease(name, release, options);
  const { file, sha256 } = found.newest;
  const expected = given === undefined ? [] : [given];
  if (sha256 !== undefined) {
    demandChecksums(file, sha256, expected);
  }
  const fetched = await fetchReleaseFile(found.newest, found, options);
  demandChecksums(file, fetched.sha256, expected);
  return fetched;
};

/** A base that the user did not ask for may become a sample, with a warning. Throws also BASE_PIN_GONE. */
export const resolveRelease = async (
  release: Release,
  given: ExpectedChecksum | undefined,
  { base, explicit, pin }: BaseRequest,
  options: ResolveOptions,
): Promise<FoundBase> => {
  if (pin !== undefined && given !== undefined) {
    demandChecksums(`${pin.file}, which ${pin.from} pins,`, pin.sha256, [
      given,
    ]);
  }
  try {
    return pin === undefined
      ? await resolveNewest(base, release, given, options)
      : await resolvePinned(base, release, pin, options);
  } catch (error) {
    if (!(error instanceof NetworkFailure)) {
      throw error;
    }
    const { sample } = release;
    if (
      explicit ||
      error.kind !== "unreachable" ||
      given !== undefined ||
      sample === undefined
    ) {
      throw baseFailure(base, error);
    }
    options.report({
      type: "warning",
      message: `no network: built from the sample base, which does not boot on a Pi; it is only for trying things out (${error.message})`,
      hint: `connect to the network for ${release.title}, or give an image file with --base`,
    });
    return resolveSample(sample, undefined, options);
  }
};
