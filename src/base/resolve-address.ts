// A base image at an address of the network.
import { basename } from "node:path";
import { UserError } from "../report/user-error.ts";
import { baseFailure } from "./base-failure.ts";
import {
  type BaseRequest,
  downloadOptions,
  type FoundBase,
  type ResolveOptions,
} from "./base-request.ts";
import type { ExpectedChecksum } from "./proof/checksums.ts";
import { decodePercent } from "../network/decode-percent.ts";
import { cachedArchive, fetchArchive } from "./fetch-archive.ts";
import { shownUrl } from "../network/http-request.ts";
import { openRemoteReader } from "./remote-reader.ts";
import { NetworkFailure } from "../network/network-failure.ts";

/** The file name at the end of an address. */
const nameIn = (url: URL): string =>
  decodePercent(basename(url.pathname)) || url.host;

/**
 * Downloads it unless it is in the cache. It must have the given checksum, else the pinned one; with neither, it is only
 * accepted when the request says that none is needed.
 */
export const resolveAddress = async (
  url: URL,
  given: ExpectedChecksum | undefined,
  { insecure, pin }: BaseRequest,
  options: ResolveOptions,
): Promise<FoundBase> => {
  const shown = shownUrl(url);
  const expected = given ?? pin;
  if (expected === undefined && insecure !== true) {
    throw new UserError(
      "CHECKSUM_MISSING",
      `${shown} comes from the network, and there is no checksum to check it against`,
      {
        state: "nothing was downloaded",
        hint: "give the publisher's checksum with --sha256, or --insecure to accept whatever is downloaded",
      },
    );
  }
  const name = nameIn(url);
  try {
    const sha256 = expected?.sha256;
    if (
      options.parts === true &&
      sha256 !== undefined &&
      (await cachedArchive(sha256, name, options)) === undefined
    ) {
      const parts = { urls: [url], sha256, name };
      const remote = await openRemoteReader(parts, options);
      if (remote !== undefined) {
        const { path } = remote.reader;
        return { name, path, sha256, origin: "download", ...remote };
      }
    }
    const archive = await fetchArchive(
      {
        urls: [url],
        name,
        sha256: expected?.sha256,
        from: expected?.from ?? shown,
      },
      downloadOptions(options),
    );
    return { name, ...archive, origin: "download" };
  } catch (error) {
    throw error instanceof NetworkFailure ? baseFailure(shown, error) : error;
  }
};
