// Finds the newest image of a release in its vendor's signed checksum list.
import { readFile } from "node:fs/promises";
import { UserError } from "../report/user-error.ts";
import { writeFileAtomically } from "../system/atomic-file.ts";
import { cachePath } from "./cache.ts";
import { parseChecksumList } from "./checksum-list.ts";
import { fetchSmall } from "./fetch-small.ts";
import { type HttpOptions, shownUrl } from "./http-request.ts";
import type { Release } from "./load-catalogue.ts";
import { NetworkFailure } from "./network-failure.ts";
import { verifySignature } from "./signature.ts";

const LIST = "SHA256SUMS";
const SIGNATURE = "SHA256SUMS.gpg";
const MAX_LIST_SIZE = 1024 * 1024;

export type ReleaseFile = {
  /** As the vendor names it. */
  readonly file: string;
  readonly sha256: string;
  readonly url: URL;
  /** The list, for messages. */
  readonly from: string;
};

/** The list as it was fetched, or the one of an earlier run and why no newer one could be had. */
type FoundRelease = {
  readonly newest: ReleaseFile;
  readonly stale: NetworkFailure | undefined;
};

type SignedList = { readonly data: Buffer; readonly signature: Buffer };

/** A * in the pattern stands for the point release: nothing or ".N". */
const pointRelease = (pattern: string, file: string): number | undefined => {
  const [before = "", after = ""] = pattern.split("*");
  if (!file.startsWith(before) || !file.endsWith(after)) {
    return undefined;
  }
  const between = file.slice(before.length, file.length - after.length);
  if (file.length === before.length + after.length) {
    return 0;
  }
  const match = /^\.(\d{1,3})$/.exec(between);
  return match === null ? undefined : Number(match[1]);
};

/** Point releases are compared as numbers: 24.04.10 is newer than 24.04.9. */
const newestOf = (
  list: ReadonlyMap<string, string>,
  release: Release,
  from: string,
): ReleaseFile => {
  let newest: { point: number; file: string; sha256: string } | undefined;
  for (const [file, sha256] of list) {
    const point = pointRelease(release.file, file);
    if (point !== undefined && point >= (newest?.point ?? 0)) {
      newest = { point, file, sha256 };
    }
  }
  if (newest === undefined) {
    throw new UserError(
      "CHECKSUM_LIST_WRONG",
      `${from} does not list ${release.file}`,
      {
        hint: "the vendor may have moved the release; give the address of the image and its checksum instead",
      },
    );
  }
  return {
    file: newest.file,
    sha256: newest.sha256,
    // Servers and proxies take a bare + for a space.
    url: new URL(encodeURIComponent(newest.file), release.folder),
    from,
  };
};

const fetchList = async (
  release: Release,
  options: HttpOptions,
): Promise<SignedList> => ({
  data: await fetchSmall(new URL(LIST, release.folder), MAX_LIST_SIZE, options),
  signature: await fetchSmall(
    new URL(SIGNATURE, release.folder),
    MAX_LIST_SIZE,
    options,
  ),
});

const isWrongSignature = (error: unknown): boolean =>
  error instanceof UserError && error.code === "SIGNATURE_WRONG";

/**
 * The newest image of the release. The list is fetched anew each time; when that fails, the list of an earlier run
 * serves, verified again. Throws NetworkFailure, SIGNATURE_WRONG or CHECKSUM_LIST_WRONG.
 */
export const findRelease = async (
  name: string,
  release: Release,
  options: HttpOptions,
): Promise<FoundRelease> => {
  const from = shownUrl(new URL(LIST, release.folder));
  const verify = (list: SignedList) =>
    verifySignature({ ...list, from, now: new Date() }, release.key);
  const newest = ({ data }: SignedList) =>
    newestOf(parseChecksumList(data.toString("utf8"), from), release, from);
  const kept = {
    data: await cachePath(options.env, "lists", `${name}/${LIST}`),
    signature: await cachePath(options.env, "lists", `${name}/${SIGNATURE}`),
  };
  try {
    let list = await fetchList(release, options);
    await verify(list).catch(async (error: unknown) => {
      if (!isWrongSignature(error)) {
        throw error;
      }
      // The server may have changed the list between the two requests.
      list = await fetchList(release, options);
      await verify(list);
    });
    const found = newest(list);
    await writeFileAtomically(kept.data, list.data);
    await writeFileAtomically(kept.signature, list.signature);
    return { newest: found, stale: undefined };
  } catch (error) {
    if (!(error instanceof NetworkFailure)) {
      throw error;
    }
    const [data, signature] = await Promise.all([
      readFile(kept.data),
      readFile(kept.signature),
    ]).catch(() => {
      throw error;
    });
    await verify({ data, signature }).catch(() => {
      throw error;
    });
    return { newest: newest({ data, signature }), stale: error };
  }
};
