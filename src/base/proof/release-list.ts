// Finds the images of a release in its vendor's signed checksum list.
import { dirname } from "node:path";
import { ABSENT, ifOneOf } from "../../report/expected-failure.ts";
import { UserError } from "../../report/user-error.ts";
import { writeFileAtomically } from "../../system/atomic-file.ts";
import type { ResolveOptions } from "../base-request.ts";
import { downloadOptions } from "../base-request.ts";
import { cachePath } from "../../network/cache.ts";
import { readWhole } from "../../system/read-whole.ts";
import {
  type ChecksumList,
  checksumListWrong,
  findListed,
  listedNames,
  parseChecksumList,
} from "./checksum-list.ts";
import { demandNotOlder } from "./demand-newer.ts";
import { fetchSmall } from "../../network/fetch-small.ts";
import { fromFirstServer } from "../../network/first-server.ts";
import type { FoundRelease, ReleaseFile } from "../found-release.ts";
import { shownUrl } from "../../network/http-request.ts";
import { isOlder } from "./is-older.ts";
import type { ListedRelease } from "../load-catalogue.ts";
import { withMirrors } from "../../network/mirrored-url.ts";
import { NetworkFailure } from "../../network/network-failure.ts";
import { loadPinnedKey } from "./pinned-key.ts";
import { type PinnedKey, verifySignature } from "./signature.ts";

export const LIST = "SHA256SUMS";
export const LIST_SIGNATURE = "SHA256SUMS.gpg";
const MAX_LIST_SIZE = 1024 * 1024;

type SignedList = { readonly data: Buffer; readonly signature: Buffer };

type ProvenList = SignedList & {
  readonly list: ChecksumList;
  readonly signed: Date;
};

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
const newestIn = (list: ChecksumList, pattern: string): string => {
  let newest: { point: number; file: string } | undefined;
  for (const file of listedNames(list)) {
    const point = pointRelease(pattern, file);
    if (point !== undefined && point >= (newest?.point ?? 0)) {
      newest = { point, file };
    }
  }
  if (newest === undefined) {
    throw new UserError(
      "CHECKSUM_LIST_WRONG",
      `${list.from} does not list ${pattern}`,
      {
        state: "nothing was written",
        hint: "the vendor may have moved the release; give the address of the image and its checksum instead",
      },
    );
  }
  return newest.file;
};

const isWrongSignature = (error: unknown): boolean =>
  error instanceof UserError && error.code === "SIGNATURE_WRONG";

const prove = async (
  signed: SignedList,
  from: string,
  { file }: ListedRelease,
  key: PinnedKey,
): Promise<ProvenList> => {
  const signedAt = await verifySignature(
    { ...signed, from, now: new Date() },
    key,
  );
  const list = parseChecksumList(signed.data, from);
  newestIn(list, file);
  return { ...signed, list, signed: signedAt };
};

type KeptList = { readonly data: string; readonly signature: string };

/** The newest list that an earlier run has seen, verified again; undefined where there is no usable one. */
const loadKept = async (
  kept: KeptList,
  release: ListedRelease,
  key: PinnedKey,
): Promise<ProvenList | undefined> => {
  const from = shownUrl(new URL(LIST, release.folder));
  try {
    return await prove(
      {
        data: await readWhole(kept.data),
        signature: await readWhole(kept.signature),
      },
      from,
      release,
      key,
    );
  } catch (error) {
    return ifOneOf(error, [...ABSENT, UserError], undefined);
  }
};

/** A vendor may withdraw an image by signing a new list without it. */
const tellIfWithdrawn = (
  { list }: ProvenList,
  earlier: ProvenList,
  { file }: ListedRelease,
  { report }: ResolveOptions,
): void => {
  const [newest, before] = [newestIn(list, file), newestIn(earlier.list, file)];
  if (isOlder(newest, before)) {
    report({
      type: "warning",
      message: `${list.from} offers ${newest}, and an earlier list had ${before}: the vendor has taken that back`,
    });
  }
};

const fetchProven = async (
  folder: URL,
  release: ListedRelease,
  key: PinnedKey,
  options: ResolveOptions,
): Promise<ProvenList> => {
  const http = downloadOptions(options);
  const from = shownUrl(new URL(LIST, folder));
  const once = async () =>
    prove(
      {
        data: await fetchSmall(new URL(LIST, folder), MAX_LIST_SIZE, http),
        signature: await fetchSmall(
          new URL(LIST_SIGNATURE, folder),
          MAX_LIST_SIZE,
          http,
        ),
      },
      from,
      release,
      key,
    );
  return once().catch((error: unknown) => {
    if (!isWrongSignature(error)) {
      throw error;
    }
    // The server may have changed the list between the two requests.
    return once();
  });
};

/** Where `file` is: on the mirrors, then at the vendor. */
export const releaseUrls = (
  { folder }: ListedRelease,
  file: string,
  { mirrors = [] }: ResolveOptions,
): readonly URL[] =>
  // The name is escaped because servers and proxies take a bare + for a space.
  withMirrors(new URL(encodeURIComponent(file), folder), mirrors);

/**
 * The images of the release. The list is fetched again each time; when that fails, the list of an earlier run is used, after
 * verifying it again. Throws NetworkFailure, SIGNATURE_WRONG, CHECKSUM_LIST_WRONG or BASE_TURNED_BACK.
 */
export const findInSignedList = async (
  name: string,
  release: ListedRelease,
  options: ResolveOptions,
): Promise<FoundRelease> => {
  const key = await loadPinnedKey(release.key, options);
  const kept = {
    data: await cachePath(options.env, "lists", `${name}/${LIST}`),
    signature: await cachePath(
      options.env,
      "lists",
      `${name}/${LIST_SIGNATURE}`,
    ),
  };
  const found = (
    { list }: ProvenList,
    stale: NetworkFailure | undefined,
  ): FoundRelease => {
    const named = (file: string): ReleaseFile | undefined => {
      const sha256 = findListed(list, file)?.sha256;
      return sha256 === undefined
        ? undefined
        : {
            file,
            sha256,
            urls: releaseUrls(release, file, options),
            from: list.from,
          };
    };
    const newest = named(newestIn(list, release.file));
    if (newest === undefined) {
      throw checksumListWrong(list.from, "has no SHA-256 of the newest image");
    }
    return { newest, named, stale, remember: async () => undefined };
  };
  const earlier = await loadKept(kept, release, key);
  try {
    const list = await fromFirstServer(
      withMirrors(new URL(release.folder), options.mirrors ?? []),
      options.report,
      async (folder) => {
        const proven = await fetchProven(folder, release, key, options);
        if (earlier !== undefined) {
          const { signed } = earlier;
          const seen = { signed, record: dirname(kept.data) };
          demandNotOlder(
            { from: proven.list.from, signed: proven.signed },
            seen,
          );
        }
        return proven;
      },
    );
    if (earlier !== undefined) {
      tellIfWithdrawn(list, earlier, release, options);
    }
    await writeFileAtomically(kept.data, list.data);
    await writeFileAtomically(kept.signature, list.signature);
    return found(list, undefined);
  } catch (error) {
    // Without a usable list from an earlier run, the network's failure is what counts.
    if (!(error instanceof NetworkFailure) || earlier === undefined) {
      throw error;
    }
    return found(earlier, error);
  }
};
