// The data that seeds are made of: profiles, fragments, network documents and the files that nodes get.
import type { MapTree, TextTree } from "./tree.ts";

export type Profile = {
  readonly description: string;
  /** Paths under cloud-init/fragments/; each may hold `${name}` places. */
  readonly fragments: readonly TextTree[];
};

/** A file with problems of its own is listed without its content, so that it is not reported as missing. */
type Layer<T> = ReadonlyMap<string, T | undefined>;

export type Library = {
  /** By path under profiles/: `<role>.yaml`. */
  readonly profiles: Layer<Profile>;
  /** Cloud-config documents by path under cloud-init/fragments/. */
  readonly fragments: Layer<MapTree>;
  /** Netplan documents by path under cloud-init/network/. */
  readonly networks: Layer<MapTree>;
  /** Texts by path under cloud-init/files/, which is the path on the node. */
  readonly files: Layer<string>;
  /** The names, as problems show them, of the files that are the user's and not the package's. */
  readonly own: ReadonlySet<string>;
};
