// The vendor's key of a release: carried by the package, or fetched once and known by its pinned fingerprint.
import { readIfThere } from "../system/read-if-there.ts";
import { ifOneOf } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { writeFileAtomically } from "../system/atomic-file.ts";
import { downloadOptions, type ResolveOptions } from "./base-request.ts";
import { cachePath } from "./cache.ts";
import { fetchSmall } from "./fetch-small.ts";
import { fromFirstServer } from "./first-server.ts";
import { shownUrl } from "./http-request.ts";
import type { CatalogueKey } from "./load-catalogue.ts";
import { readKey, WrongKey } from "./read-key.ts";
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

const isUsable = async (text: string, fingerprint: string): Promise<boolean> =>
  readKey(text, fingerprint).then(
    ({ expires }) => expires === undefined || expires > new Date(),
    (error: unknown) => ifOneOf(error, [WrongKey], false),
  );

/** Throws NetworkFailure where it must be fetched and cannot, and KEY_WRONG where every server has another key. */
export const loadPinnedKey = async (
  { fingerprint, armored, addresses = [] }: CatalogueKey,
  options: ResolveOptions,
): Promise<PinnedKey> => {
  if (armored !== undefined) {
    return { armored, fingerprint };
  }
  const path = await cachePath(options.env, "keys", `${fingerprint}.asc`);
  const cached = ((await readIfThere(path)) ?? "").toString();
  if (await isUsable(cached, fingerprint)) {
    return { armored: cached, fingerprint };
  }
  const { text } = await fromFirstServer(
    addresses.map((address) => new URL(address)),
    options.report,
    async (url) => {
      const served = await fetchSmall(url, KEY_LIMIT, downloadOptions(options));
      return readKey(served.toString("latin1"), fingerprint).catch(
        (error: unknown) => {
          throw error instanceof WrongKey ? keyWrong(url, error) : error;
        },
      );
    },
  );
  await writeFileAtomically(path, text);
  return { armored: text, fingerprint };
};
