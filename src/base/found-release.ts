// What looking up a release gives: the file to fetch, and what proves it.
import type { NetworkFailure } from "../network/network-failure.ts";

export type ReleaseFile = {
  /** As the vendor names it. */
  readonly file: string;
  /** Undefined: only the signature says what the file should be. */
  readonly sha256: string | undefined;
  /** Servers that have it, asked in this order; not empty. */
  readonly urls: readonly URL[];
  /** Who says so, for messages. */
  readonly from: string;
  /** Throws SIGNATURE_WRONG unless the file at this path is the vendor's; undefined where a signed list has `sha256`. */
  readonly prove?: ((path: string) => Promise<void>) | undefined;
};

export type FoundRelease = {
  readonly newest: ReleaseFile;
  /** The file of this name, where the vendor still offers it. */
  readonly named: (file: string) => ReleaseFile | undefined;
  /** Why this is of an earlier run; undefined: the vendor's server says so now. */
  readonly stale: NetworkFailure | undefined;
  /** Keeps for a run without network what only the fetched file tells. */
  readonly remember: (file: ReleaseFile, sha256: string) => Promise<void>;
};
