// Reads a remote image's boot partition without fetching the image, where its archive and its server allow that.
import type { ImageReader } from "../image/reader.ts";
import { prepareBase } from "../image/node-patch.ts";
import { openXzParts } from "../image/archive/xz/xz-parts.ts";
import { formatBytes } from "../report/amounts.ts";
import { UserError } from "../report/user-error.ts";
import { downloadOptions, type ResolveOptions } from "./base-request.ts";
import { demandChecksums } from "./proof/checksums.ts";
import { digestFile } from "../network/digest-file.ts";
import { shownUrl } from "../network/http-request.ts";
import { NetworkFailure } from "../network/network-failure.ts";
import { openRemoteParts, type RemoteParts } from "./remote-parts.ts";

type WantedParts = {
  readonly urls: readonly URL[];
  readonly sha256: string;
  readonly name: string;
};

/** A file up to this size is fetched as a whole, and so can be verified. */
const SMALL = 4 * 1024 * 1024;

const proveSmall = async (
  { path, size, demand }: RemoteParts,
  { sha256, name }: WantedParts,
  options: ResolveOptions,
): Promise<boolean> => {
  if (size > SMALL) {
    return false;
  }
  await demand({ offset: 0, length: size });
  const found = await digestFile(path, { ...options, subject: name });
  demandChecksums(name, found, [{ sha256, from: "the checksum" }]);
  return true;
};

type RemoteReader = {
  readonly reader: ImageReader;
  /** Whether only parts of it were read, which no checksum covers. */
  readonly inParts: boolean;
};

const openAt = async (
  url: URL,
  wanted: WantedParts,
  options: ResolveOptions,
): Promise<RemoteReader> => {
  const { sha256, name } = wanted;
  const parts: RemoteParts = await openRemoteParts(
    url,
    sha256,
    downloadOptions(options),
  );
  try {
    const proven = await proveSmall(parts, wanted, options);
    const reader = await openXzParts(parts.path, parts.demand);
    try {
      if (reader.source !== undefined) {
        // Reads everything that any node's seed needs, so that a failing server is noticed now.
        await prepareBase(reader.source);
      }
    } catch (error) {
      await reader.close();
      throw error;
    }
    options.report({
      type: "notice",
      message: `read ${formatBytes(parts.fetched())} of ${formatBytes(parts.size)} of ${name} from ${url.host}${
        proven
          ? ""
          : "; the image itself is fetched, and proven by its checksum, when one is built"
      }`,
    });
    return {
      reader: {
        ...reader,
        close: async () => {
          await reader.close();
          await parts.close();
        },
      },
      inParts: !proven,
    };
  } catch (error) {
    await parts.close();
    throw error;
  }
};

/**
 * Undefined where the whole image must be fetched: another format, an archive of one block, a server that sends no parts or
 * wrong ones. Parts of a large image are not proven by its checksum, so they may go into plain files for people to look at
 * and into a patch file that says so and has the digests of what it was made from, but never into an image.
 */
export const openRemoteReader = async (
  wanted: WantedParts,
  options: ResolveOptions,
): Promise<RemoteReader | undefined> => {
  const [url] = wanted.urls;
  if (url === undefined || !wanted.name.endsWith(".xz")) {
    return undefined;
  }
  try {
    return await openAt(url, wanted, options);
  } catch (error) {
    if (error instanceof NetworkFailure || error instanceof UserError) {
      options.report({
        type: "notice",
        message: `${shownUrl(url)} cannot be read in parts; fetching the whole image`,
      });
      return undefined;
    }
    throw error;
  }
};
