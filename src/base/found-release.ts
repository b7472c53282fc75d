// The result of looking up a release: the file to fetch, and what proves it.
import type { NetworkFailure } from "../network/network-failure.ts";

export type ReleaseFile = {
  /** The vendor's name for the file. */
  readonly file: string;
  /** Undefined where only the signature says what the file should be. */
  readonly sha256: string | undefined;
  /** Servers that have it, asked in this order; not empty. */
  readonly urls: readonly URL[];
  /** Where this comes from, for messages. */
  readonly from: string;
  /** Throws SIGNATURE_WRONG unless the file at this path is the vendor's; undefined where a signed list has `sha256`. */
  readonly prove?: ((path: string) => Promise<void>) | undefined;
};

export type FoundRelease = {
  readonly newest: ReleaseFile;
  /** The file of this name, where the vendor still offers it. */
  readonly named: (file: string) => ReleaseFile | undefined;
  /** Why this had to be taken from an earlier run; undefined where the vendor's server has just said it. */
  readonly stale: NetworkFailure | undefined;
  /** Keeps what only the fetched file shows, for a run without network. */
  readonly remember: (file: ReleaseFile, sha256: string) => Promise<void>;
};
