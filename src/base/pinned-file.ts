// The file of a release that the lockfile pins, if the vendor still offers it.
import { UserError } from "../report/user-error.ts";
import type { BasePin, ResolveOptions } from "./base-request.ts";
import type { FoundRelease, ReleaseFile } from "./found-release.ts";
import type { Release } from "./load-catalogue.ts";
import { isOlder } from "./proof/is-older.ts";
import { withMirrors } from "../network/mirrored-url.ts";
import { releaseUrls } from "./proof/release-list.ts";

export const updateHint = (name: string): string =>
  `\`pi-image base update ${name}\` shows and takes the vendor's newest image`;

/** The error for a file that has one digest in the vendor's list and another in the lockfile. */
export const pinDiffers = (
  name: string,
  pin: BasePin,
  from: string,
  found: string,
): UserError =>
  new UserError(
    "CHECKSUM_MISMATCH",
    `${from} has another ${pin.file} than ${pin.from} pins`,
    {
      facts: [`expected ${pin.sha256}`, `found    ${found}`],
      state: "nothing was written",
      hint: updateHint(name),
    },
  );

/** When a newer file is published, servers remove the old one from their list, but some keep it at its address. */
const supersededUrls = (
  release: Release,
  file: string,
  options: ResolveOptions,
): readonly URL[] => {
  if (release.signed === "list") {
    return releaseUrls(release, file, options);
  }
  const date = /\d{4}-\d{2}-\d{2}/.exec(file)?.[0] ?? "";
  return withMirrors(
    new URL(release.address.replaceAll("*", date)),
    options.mirrors ?? [],
  );
};

/**
 * What to fetch for the pin: the file in the vendor's list, or, where a newer one took its place, the old file by its
 * recorded digest.
 */
export const pinnedFile = (
  name: string,
  release: Release,
  { newest, named }: FoundRelease,
  pin: BasePin,
  options: ResolveOptions,
): ReleaseFile => {
  const listed = named(pin.file);
  if (isOlder(pin.file, newest.file)) {
    options.report({
      type: "notice",
      message: `${newest.file} is newer than ${pin.file}, which ${pin.from} pins; ${updateHint(name)}`,
    });
  }
  if (listed?.sha256 !== undefined && listed.sha256 !== pin.sha256) {
    throw pinDiffers(name, pin, listed.from, listed.sha256);
  }
  return (
    listed ?? {
      file: pin.file,
      sha256: pin.sha256,
      urls: supersededUrls(release, pin.file, options),
      from: pin.from,
    }
  );
};
