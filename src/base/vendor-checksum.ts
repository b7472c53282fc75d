// The checksum that a vendor's signed list has for an image that lies here under the vendor's name.
import type { ResolveOptions } from "./base-request.ts";
import type { ExpectedChecksum } from "./checksums.ts";
import type { ListedRelease } from "./load-catalogue.ts";
import { NetworkFailure } from "./network-failure.ts";
import { findInSignedList } from "./release-list.ts";

const releaseOf = (
  file: string,
  { catalogue }: ResolveOptions,
): readonly [string, ListedRelease] | undefined => {
  for (const [name, release] of catalogue.releases) {
    const [before = "", after = ""] =
      release.signed === "list" ? release.file.split("*") : [];
    if (
      release.signed === "list" &&
      file.startsWith(before) &&
      file.endsWith(after)
    ) {
      return [name, release];
    }
  }
  return undefined;
};

/** Undefined for another name, for an image that the list no longer has, and where there is no network. */
export const vendorChecksum = async (
  file: string,
  options: ResolveOptions,
): Promise<ExpectedChecksum | undefined> => {
  const named = releaseOf(file, options);
  if (named === undefined) {
    return undefined;
  }
  try {
    const found = await findInSignedList(...named, options);
    const listed = found.named(file);
    return listed?.sha256 === undefined
      ? undefined
      : { sha256: listed.sha256, from: listed.from };
  } catch (error) {
    if (error instanceof NetworkFailure) {
      return undefined;
    }
    throw error;
  }
};
