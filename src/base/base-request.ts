// A request for a base, and what is found for it before it is opened.
import type { ImageReader } from "../image/reader.ts";
import { packageVersion } from "../system/package-files.ts";
import type { CacheOptions } from "../network/cache.ts";
import type { DownloadOptions } from "../network/download.ts";
import type { Catalogue } from "./load-catalogue.ts";
import type { SignedBy } from "./proof/signed-by.ts";

/** What an earlier build took under this name; the next build takes the same. */
export type BasePin = {
  /** The vendor's file name. */
  readonly file: string;
  readonly sha256: string;
  /** Where the pin is recorded, for messages: the lockfile. */
  readonly from: string;
};

export type BaseRequest = {
  /** A name from the catalogue, a path, or a file, http or https address. */
  readonly base: string;
  /** Whether the user asked for this base; a default may be replaced by a sample where there is no network. */
  readonly explicit: boolean;
  /** The checksum that the file as given must have. */
  readonly sha256?: string | undefined;
  readonly signedBy?: SignedBy | undefined;
  /** Whether a file without any checksum is accepted. */
  readonly insecure?: boolean | undefined;
  readonly pin?: BasePin | undefined;
};

export type FoundBase = {
  /** The vendor's file name; the same on every computer. */
  readonly name: string;
  /** The archive or image on this computer. */
  readonly path: string;
  /** The SHA-256 of that file, in hex. */
  readonly sha256: string;
  readonly origin: "file" | "download" | "sample";
  /** Set where only parts of the archive are on this computer; it reads those. */
  readonly reader?: ImageReader | undefined;
  /** Whether only parts of the archive were fetched, which were not compared with its checksum: enough for seeds alone. */
  readonly inParts?: boolean | undefined;
  /**
   * Whether a vendor of the catalogue, or the package itself, proves what it is. Of any other image nothing may be left out
   * when it is written.
   */
  readonly known?: boolean | undefined;
};

export type ResolveOptions = CacheOptions & {
  readonly catalogue: Catalogue;
  /** Addresses of servers with copies, which replace scheme and host of the vendors' addresses; asked first, in this order. */
  readonly mirrors?: readonly string[];
  /** Whether parts of an image that is not in the cache are enough. */
  readonly parts?: boolean | undefined;
  /** Shorter waits, for tests. */
  readonly pause?: number;
};

export const downloadOptions = (
  options: Omit<ResolveOptions, "catalogue">,
): DownloadOptions => ({
  ...options,
  userAgent: `pi-image/${packageVersion()}`,
});

/** What a manifest and the lockfile say of a base. */
export type BaseRecord = Pick<FoundBase, "name" | "sha256" | "origin">;

export const recordOf = ({ name, sha256, origin }: FoundBase): BaseRecord => ({
  name,
  sha256,
  origin,
});
