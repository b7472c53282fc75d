// An add-on by address: only the content that the first build recorded is accepted, until the user accepts another.
import { basename } from "node:path";
import type { FetchedManifest } from "./fetch-cni.ts";
import {
  fetchFile,
  type FetchOptions,
  readUnknownManifest,
} from "./fetch-file.ts";
import type { Lock } from "./lock.ts";
import { mirroredUrl } from "../network/mirrored-url.ts";

type WantedAddon = {
  readonly url: string;
  /** File name on the node. */
  readonly file: string;
  readonly mirror: string | undefined;
  readonly lock: Lock | undefined;
  /** The lockfile's path, for messages. */
  readonly lockFile: string;
};

/** Undefined when it is not in the cache and the network is not to be used. Throws as `fetchFile` does, and MANIFEST_WRONG. */
export const fetchAddon = async (
  { url, file, mirror, lock, lockFile }: WantedAddon,
  options: FetchOptions,
): Promise<FetchedManifest | undefined> => {
  const entry = lock?.manifests.find((each) => each.url === url);
  const lockName = basename(lockFile);
  const fetched = await fetchFile(
    {
      name: "add-on",
      url: mirroredUrl(url, mirror),
      sha256: entry?.sha256,
      expectedBy: lockName,
      acceptHint: `see what has changed; to accept it, remove the entry of this address from ${lockName} and build again`,
    },
    options,
  );
  return fetched === undefined
    ? undefined
    : {
        manifest: {
          name: file,
          text: await readUnknownManifest(fetched.path, `the add-on ${url}`),
        },
        locked: {
          name: basename(new URL(url).pathname),
          version: null,
          url,
          sha256: fetched.sha256,
        },
      };
};
