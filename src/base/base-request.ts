// What is asked for as a base, and what is found for it before it is opened.
import { packageVersion } from "../system/package-files.ts";
import type { CacheOptions } from "./cache.ts";
import type { DownloadOptions } from "./download.ts";
import type { Catalogue } from "./load-catalogue.ts";

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

export type FoundBase = {
  /** The vendor's file name; the same on every computer. */
  readonly name: string;
  /** The archive or image on this computer. */
  readonly path: string;
  /** Of that file, in hex. */
  readonly sha256: string;
  readonly origin: "file" | "download" | "sample";
};

export type ResolveOptions = CacheOptions & {
  readonly catalogue: Catalogue;
  /** For tests: shorter waits. */
  readonly pause?: number;
};

export const downloadOptions = (options: ResolveOptions): DownloadOptions => ({
  ...options,
  userAgent: `pi-image/${packageVersion()}`,
});
