// Fetches a package archive's signed InRelease, the lists that it vouches for, and packages that those name.
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { errorCode } from "../../report/expected-failure.ts";
import { fetchArchive } from "../../base/fetch-archive.ts";
import { DecodeFailure } from "../../image/archive/decoder-tool.ts";
import { builtInPieces } from "../../image/archive/xz/xz-built-in.ts";
import type { DownloadOptions } from "../../network/download.ts";
import { fetchSmall } from "../../network/fetch-small.ts";
import { fromFirstServer } from "../../network/first-server.ts";
import { shownUrl } from "../../network/http-request.ts";
import { withMirrors } from "../../network/mirrored-url.ts";
import { archiveWrong } from "./archive-wrong.ts";
import { type DebPackage, parsePackageList } from "./package-list.ts";
import {
  type ArchiveRelease,
  readInRelease,
  type ReleaseDemands,
} from "./release-file.ts";

export type Pocket = Pick<ReleaseDemands, "keys" | "seen" | "now"> & {
  /** Without a slash at its end. */
  readonly address: string;
  /** Such as "noble-updates"; undefined for a flat archive, whose InRelease is at the address itself. */
  readonly suite: string | undefined;
  /** Empty for a flat archive. */
  readonly components: readonly string[];
  readonly arch: string;
};

export type ArchiveOptions = DownloadOptions & {
  /** Asked first, in this order. */
  readonly mirrors?: readonly string[];
};

/** Debian's, the largest known, has 150 kB. */
const RELEASE_LIMIT = 4 * 1024 * 1024;

/** The part of the path before what the InRelease lists. */
const folderOf = ({ address, suite }: Pocket): string =>
  suite === undefined ? address : `${address}/dists/${suite}`;

/** Read and judged one server at a time, so that a mirror that lags is passed over. */
const fetchRelease = (
  pocket: Pocket,
  options: ArchiveOptions,
): Promise<ArchiveRelease> =>
  fromFirstServer(
    withMirrors(
      new URL(`${folderOf(pocket)}/InRelease`),
      options.mirrors ?? [],
    ),
    options.report,
    async (url) =>
      readInRelease(await fetchSmall(url, RELEASE_LIMIT, options), {
        keys: pocket.keys,
        suite: pocket.suite,
        seen: pocket.seen,
        now: pocket.now,
        from: shownUrl(url),
      }),
  );

const FORMS = ["xz", "gz", ""] as const;

async function* decodedPieces(
  path: string,
  form: (typeof FORMS)[number],
): AsyncGenerator<Uint8Array> {
  const file = await open(path, "r");
  try {
    if (form === "xz") {
      const { size } = await file.stat();
      yield* builtInPieces(file, [{ offset: 0, length: size }]);
      return;
    }
    const bytes = file.createReadStream({ autoClose: false });
    if (form === "") {
      yield* bytes;
      return;
    }
    const gunzip = createGunzip();
    bytes.on("error", (error) => gunzip.destroy(error));
    yield* bytes.pipe(gunzip);
  } finally {
    await file.close();
  }
}

/** The list's text, compared with what the InRelease says of it unpacked: that bounds what a packed one may grow to. */
const readList = async (
  path: string,
  form: (typeof FORMS)[number],
  plain: { readonly size: number; readonly sha256: string },
  from: string,
): Promise<string> => {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of decodedPieces(path, form)) {
      size += piece.length;
      if (size > plain.size) {
        break;
      }
      pieces.push(Buffer.from(piece));
    }
  } catch (error) {
    throw error instanceof DecodeFailure ||
      errorCode(error)?.startsWith("Z_") === true
      ? archiveWrong(from, "cannot be unpacked", error)
      : error;
  }
  const bytes = Buffer.concat(pieces);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (size !== plain.size || sha256 !== plain.sha256) {
    throw archiveWrong(from, "is not what its InRelease says of it unpacked");
  }
  return bytes.toString("utf8");
};

const fetchList = async (
  pocket: Pocket,
  release: ArchiveRelease,
  name: string,
  options: ArchiveOptions,
): Promise<readonly DebPackage[]> => {
  const from = `${shownUrl(new URL(folderOf(pocket)))}/${name}`;
  const plain = release.files.get(name);
  const form = FORMS.find((each) =>
    release.files.has(each === "" ? name : `${name}.${each}`),
  );
  const path = form === "" || form === undefined ? name : `${name}.${form}`;
  const listed = release.files.get(path);
  if (plain === undefined || listed === undefined || form === undefined) {
    throw archiveWrong(from, "is not listed in its InRelease");
  }
  const place = release.byHash
    ? `${name.slice(0, name.lastIndexOf("/") + 1)}by-hash/SHA256/${listed.sha256}`
    : path;
  const fetched = await fetchArchive(
    {
      urls: withMirrors(
        new URL(`${folderOf(pocket)}/${place}`),
        options.mirrors ?? [],
      ),
      sha256: listed.sha256,
      from: "its InRelease",
      name: from,
    },
    options,
  );
  return parsePackageList(await readList(fetched.path, form, plain, from), {
    arch: pocket.arch,
    archive: pocket.address,
    from,
  });
};

type PocketLists = {
  /** For the lockfile. */
  readonly date: Date;
  readonly packages: readonly DebPackage[];
};

/** Throws NetworkFailure, SIGNATURE_WRONG, ARCHIVE_WRONG and CHECKSUM_MISMATCH. */
export const fetchPocket = async (
  pocket: Pocket,
  options: ArchiveOptions,
): Promise<PocketLists> => {
  const release = await fetchRelease(pocket, options);
  const names =
    pocket.suite === undefined
      ? ["Packages"]
      : pocket.components.map(
          (each) => `${each}/binary-${pocket.arch}/Packages`,
        );
  const packages: DebPackage[] = [];
  for (const name of names) {
    for (const each of await fetchList(pocket, release, name, options)) {
      packages.push(each);
    }
  }
  return { date: release.date, packages };
};
