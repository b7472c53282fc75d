// The checksum that a publisher provides beside a file on a server.
import { basename } from "node:path";
import { downloadOptions, type ResolveOptions } from "../base-request.ts";
import { findListed, parseChecksumList } from "./checksum-list.ts";
import type { ExpectedChecksum } from "./checksums.ts";
import { decodePercent } from "../../network/decode-percent.ts";
import { fetchSmall } from "../../network/fetch-small.ts";
import { shownUrl } from "../../network/http-request.ts";
import { NetworkFailure } from "../../network/network-failure.ts";

const MAX_LIST_SIZE = 1024 * 1024;

/** The list at this address; undefined where the server says that it has none. */
const fetchList = async (
  url: URL,
  options: ResolveOptions,
): Promise<Buffer | undefined> => {
  try {
    return await fetchSmall(url, MAX_LIST_SIZE, downloadOptions(options));
  } catch (error) {
    if (error instanceof NetworkFailure && error.kind === "refused") {
      return undefined;
    }
    throw error;
  }
};

/**
 * From `<file>.sha256` or `SHA256SUMS` in the same folder, and only over https: without it, anybody on the way could replace
 * the list together with the file. Undefined where neither lists the file. Throws NetworkFailure and CHECKSUM_LIST_WRONG.
 */
export const checksumAtAddress = async (
  url: URL,
  options: ResolveOptions,
): Promise<ExpectedChecksum | undefined> => {
  if (url.protocol !== "https:") {
    return undefined;
  }
  const name = basename(url.pathname);
  for (const [list, alone] of [
    [`${name}.sha256`, true],
    ["SHA256SUMS", false],
  ] as const) {
    const address = new URL(list, url);
    const bytes = await fetchList(address, options);
    if (bytes !== undefined) {
      const from = shownUrl(address);
      const found = findListed(
        parseChecksumList(bytes, from),
        decodePercent(name),
        alone,
      );
      if (found?.sha256 !== undefined) {
        return { sha256: found.sha256, from };
      }
    }
  }
  return undefined;
};
