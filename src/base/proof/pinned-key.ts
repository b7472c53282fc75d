// The vendor's key of a release: contained in the package, or fetched and recognised by its pinned fingerprint.
import { UserError } from "../../report/user-error.ts";
import { downloadOptions, type ResolveOptions } from "../base-request.ts";
import { cachePath } from "../../network/cache.ts";
import { fetchSmall } from "../../network/fetch-small.ts";
import { fromFirstServer } from "../../network/first-server.ts";
import { shownUrl } from "../../network/http-request.ts";
import { keptOrFetched } from "./kept-key.ts";
import type { CatalogueKey } from "../load-catalogue.ts";
import { readKey, RevokedKey, WrongKey } from "./read-key.ts";
import type { PinnedKey } from "./signature.ts";

const KEY_LIMIT = 256 * 1024;

const keyWrong = (url: URL, cause: WrongKey): UserError =>
  new UserError(
    "KEY_WRONG",
    `${shownUrl(url)} does not have the key that the catalogue pins: it ${cause.message}`,
    {
      state: "nothing was downloaded",
      hint: "try again on another network, or download the image by other means and give the file with --base",
      cause,
    },
  );

type Getting = Pick<
  Parameters<typeof keptOrFetched>[1],
  "suffices" | "download"
>;

/** The key with this fingerprint, from the cache or from where it is published. Throws what `download` throws. */
export const keptKey = async (
  fingerprint: string,
  { env, report }: Pick<ResolveOptions, "env" | "report">,
  getting: Getting,
): Promise<PinnedKey> => {
  const path = await cachePath(env, "keys", `${fingerprint}.asc`);
  const key = await keptOrFetched(
    { path, fingerprint, now: new Date() },
    { name: `the key ${fingerprint}`, report, network: true, ...getting },
  );
  if (key === undefined) {
    throw new Error(`no key ${fingerprint} although the network was asked`);
  }
  return { armored: key.text, fingerprint };
};

/** Throws NetworkFailure where it must be fetched and cannot, and KEY_WRONG where every server has another key. */
export const loadPinnedKey = async (
  { fingerprint, armored, addresses = [] }: CatalogueKey,
  options: ResolveOptions,
): Promise<PinnedKey> => {
  if (armored !== undefined) {
    return { armored, fingerprint };
  }
  const { report } = options;
  const urls = addresses.map((address) => new URL(address));
  const [first] = urls;
  const fetchFrom = async (url: URL) => {
    const served = await fetchSmall(url, KEY_LIMIT, downloadOptions(options));
    return readKey(served.toString("latin1"), fingerprint).catch(
      (error: unknown) => {
        // A revocation counts whichever server it comes from, because only the owner can have signed it.
        throw error instanceof WrongKey && !(error instanceof RevokedKey)
          ? keyWrong(url, error)
          : error;
      },
    );
  };
  try {
    return await keptKey(fingerprint, options, {
      suffices: () => true,
      download: () => fromFirstServer(urls, report, fetchFrom),
    });
  } catch (error) {
    throw error instanceof RevokedKey && first !== undefined
      ? keyWrong(first, error)
      : error;
  }
};
