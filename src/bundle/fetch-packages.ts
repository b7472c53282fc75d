// The packages of a bundle, each fetched and compared, and the list by which apt finds them on the node.
import { fetchArchive } from "../base/fetch-archive.ts";
import { NetworkFailure } from "../network/network-failure.ts";
import { UserError } from "../report/user-error.ts";
import type { ArchiveOptions } from "./debian/fetch-archive-lists.ts";
import type { LockedPackage } from "./locked-bundle.ts";
import { type BundlePart, partOfFile, partOfText } from "./write-bundle.ts";

/** As apt names them in its own cache, but for the colon of an epoch. */
const placeOf = ({ name, version, fields }: LockedPackage): string =>
  `debs/${name}_${version.replace(":", "-")}_${fields["Architecture"] ?? "all"}.deb`;

/** https://wiki.debian.org/DebianRepository/Format#Flat_Repository_Format */
const stanzaOf = (each: LockedPackage): string =>
  [
    ...Object.entries(each.fields).map(([name, value]) => `${name}: ${value}`),
    `Filename: ${placeOf(each)}`,
    `Size: ${each.bytes}`,
    `SHA256: ${each.sha256}`,
    "",
  ].join("\n");

/** A package that was superseded leaves its archive at once. */
const gone = (
  { name, version }: LockedPackage,
  failure: NetworkFailure,
): UserError =>
  failure.kind === "refused"
    ? new UserError(
        "BUNDLE_INCOMPLETE",
        `the archive no longer has ${name} ${version}: ${failure.message}`,
        {
          state: "no bundle was made",
          hint: "`pi-image bundle update` takes the packages that the archive has now; what was fetched already is kept",
          cause: failure,
        },
      )
    : new UserError(
        "DOWNLOAD_FAILED",
        `${name} ${version} cannot be downloaded: ${failure.message}`,
        {
          state: "no bundle was made; the next run goes on from here",
          hint: "connect to the network (http_proxy and https_proxy are honoured) and run the command again",
          cause: failure,
        },
      );

/**
 * The list first, then the packages in its order.
 *
 * @param addresses of the archives, without a slash at their ends
 */
export const fetchPackages = async (
  packages: readonly LockedPackage[],
  addresses: Readonly<Record<LockedPackage["archive"], string>>,
  options: ArchiveOptions,
): Promise<readonly BundlePart[]> => {
  const parts: BundlePart[] = [
    partOfText("Packages", packages.map(stanzaOf).join("\n")),
  ];
  for (const each of packages) {
    const { archive, path, sha256, bytes, name, version } = each;
    const fetched = await fetchArchive(
      {
        urls: [new URL(`${addresses[archive]}/${path}`)],
        sha256,
        from: "the archive's signed list",
        name: `${name} ${version}`,
      },
      options,
    ).catch((error: unknown) => {
      throw error instanceof NetworkFailure ? gone(each, error) : error;
    });
    parts.push(
      partOfFile({ path: placeOf(each), bytes, sha256 }, fetched.path),
    );
  }
  return parts;
};
