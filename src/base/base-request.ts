// What is asked for as a base, and what is found for it before it is opened.
import type { ImageReader } from "../image/reader.ts";
import { packageVersion } from "../system/package-files.ts";
import type { CacheOptions } from "../network/cache.ts";
import type { DownloadOptions } from "../network/download.ts";
import type { Catalogue } from "./load-catalogue.ts";
import type { SignedBy } from "./proof/signed-by.ts";

/** What an earlier build took under this name: the next one takes the same. */
export type BasePin = {
  /** The vendor's file name. */
  readonly file: string;
  readonly sha256: string;
  /** Who says so, for messages: the lockfile. */
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
  /** Take a file without any checksum. */
  readonly insecure?: boolean | undefined;
  readonly pin?: BasePin | undefined;
};

export type FoundBase = {
  /** The vendor's file name; the same on every computer. */
  readonly name: string;
  /** The archive or image on this computer. */
  readonly path: string;
  /** Of that file, in hex. */
  readonly sha256: string;
  readonly origin: "file" | "download" | "sample";
  /** Given: only parts of the archive are on this computer, and this reads them. */
  readonly reader?: ImageReader | undefined;
  /** Nothing compared the bytes with the checksum: only parts of the archive were asked for. */
  readonly unproven?: boolean | undefined;
  /** A vendor of the catalogue or the package itself proves what it is; of a stranger's image nothing may be left out. */
  readonly known?: boolean | undefined;
};

/** A base that was found, and is open. */
export type BaseImage = Omit<FoundBase, "reader"> & {
  readonly reader: ImageReader;
};

export type ResolveOptions = CacheOptions & {
  readonly catalogue: Catalogue;
  /** Servers with copies, in place of scheme and host of the vendors' addresses; asked first, in this order. */
  readonly mirrors?: readonly string[];
  /** Whether parts of an image that is not in the cache are enough. */
  readonly parts?: boolean | undefined;
  /** For tests: shorter waits. */
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
