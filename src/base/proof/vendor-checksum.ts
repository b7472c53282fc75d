// What a vendor's signed list says of an image on this computer that has the vendor's name.
import { basename, dirname, join } from "node:path";
import type { ResolveOptions } from "../base-request.ts";
import { readPublished } from "./beside-file.ts";
import type { ExpectedChecksum } from "./checksums.ts";
import type { ListedRelease } from "../load-catalogue.ts";
import { NetworkFailure } from "../../network/network-failure.ts";
import { loadPinnedKey } from "./pinned-key.ts";
import { findInSignedList, LIST, LIST_SIGNATURE } from "./release-list.ts";
import { ofSignatureBeside, verifySignature } from "./signature.ts";

/** The catalogue's release to which a file of this name belongs, and the release's name. */
export const releaseOf = (
  file: string,
  { catalogue }: Pick<ResolveOptions, "catalogue">,
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

type VendorsWord = {
  /** Undefined where the vendor's list does not have the file, or cannot be had. */
  readonly checksum: ExpectedChecksum | undefined;
  /** Why there is none, for messages. */
  readonly facts: readonly string[];
};

/** Throws SIGNATURE_WRONG and CHECKSUM_LIST_WRONG. */
export const vendorChecksum = async (
  file: string,
  options: ResolveOptions,
): Promise<VendorsWord> => {
  const named = releaseOf(file, options);
  if (named === undefined) {
    return { checksum: undefined, facts: [] };
  }
  try {
    const { named: listedAs, newest } = await findInSignedList(
      ...named,
      options,
    );
    const listed = listedAs(file);
    return listed?.sha256 === undefined
      ? {
          checksum: undefined,
          facts: [`${newest.from} no longer lists it, but ${newest.file}`],
        }
      : {
          checksum: { sha256: listed.sha256, from: listed.from },
          facts: [],
        };
  } catch (error) {
    if (error instanceof NetworkFailure) {
      return {
        checksum: undefined,
        facts: [`the vendor's signed list is not available: ${error.message}`],
      };
    }
    throw error;
  }
};

/**
 * Where the vendor's SHA256SUMS and its signature both lie beside an image of the catalogue, verifies the signature as if
 * they had just been downloaded. Returns whether it did, which proves that the list is the vendor's. Throws SIGNATURE_WRONG.
 */
export const demandSignedList = async (
  path: string,
  options: ResolveOptions,
): Promise<boolean> => {
  const named = releaseOf(basename(path), options);
  const from = join(dirname(path), LIST);
  const signature =
    named && (await readPublished(join(dirname(path), LIST_SIGNATURE)));
  const data = signature && (await readPublished(from));
  if (named === undefined || signature === undefined || data === undefined) {
    return false;
  }
  try {
    const key = await loadPinnedKey(named[1].key, options);
    await verifySignature({ data, signature, from, now: new Date() }, key);
    return true;
  } catch (error) {
    // The key has to be fetched, as in a catalogue of the user's own, and there is no network: the list counts as unsigned.
    if (error instanceof NetworkFailure) {
      return false;
    }
    throw ofSignatureBeside(
      error,
      `get ${LIST} and ${LIST_SIGNATURE} again from where the image comes from; if this persists, do not use the image`,
    );
  }
};

/** Whether one of the checksums comes from a list beside the file that the vendor has signed. Throws SIGNATURE_WRONG. */
export const isListedByVendor = async (
  path: string,
  expected: readonly ExpectedChecksum[],
  options: ResolveOptions,
): Promise<boolean> =>
  (await demandSignedList(path, options)) &&
  expected.some(({ from }) => from === join(dirname(path), LIST));
