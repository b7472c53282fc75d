// Finds the newest file of a release whose vendor signs each file by itself: <address>.sig.
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { z } from "zod";
import { readIfThere } from "../../system/read-if-there.ts";
import { ifOneOf } from "../../report/expected-failure.ts";
import { writeFileAtomically } from "../../system/atomic-file.ts";
import { downloadOptions, type ResolveOptions } from "../base-request.ts";
import { cachePath } from "../../network/cache.ts";
import {
  checksumListWrong,
  findListed,
  parseChecksumList,
} from "./checksum-list.ts";
import { decodePercent } from "../../network/decode-percent.ts";
import { demandNotOlder, demandOfItsDay } from "./demand-newer.ts";
import { fetchSmall } from "../../network/fetch-small.ts";
import { fromFirstServer } from "../../network/first-server.ts";
import type { FoundRelease, ReleaseFile } from "../found-release.ts";
import { shownUrl } from "../../network/http-request.ts";
import type { SignedFileRelease } from "../load-catalogue.ts";
import { withMirrors } from "../../network/mirrored-url.ts";
import { NetworkFailure } from "../../network/network-failure.ts";
import { newestInOsList } from "../imager-list.ts";
import { loadPinnedKey } from "./pinned-key.ts";
import { verifyFileSignature } from "./signature.ts";

/** The vendor's list has half a megabyte; anything this large is something else. */
const MAX_LIST_SIZE = 16 * 1024 * 1024;
const MAX_SMALL_SIZE = 64 * 1024;

/** What a run took, recorded for a later run without network. */
const recordSchema = z.strictObject({
  address: z.string(),
  sha256: z.string(),
  /** SHA-256 of the signature: as long as it is the same, so is the file. */
  signature: z.string(),
  /** When the vendor signed it, as an ISO date; runs before version 0.2 did not write it. */
  signed: z.string().optional(),
});

type Record = z.infer<typeof recordSchema>;

const readRecord = async (path: string): Promise<Record | undefined> => {
  const data = await readIfThere(path);
  try {
    return data && recordSchema.parse(JSON.parse(data.toString("utf8")));
  } catch (error) {
    return ifOneOf(error, [SyntaxError, z.ZodError], undefined);
  }
};

const fileIn = (address: string): string =>
  decodePercent(basename(new URL(address).pathname));

/** The same small file from the first mirror, or the vendor, that has it. */
const fetchBeside = (
  address: string,
  options: ResolveOptions,
  limit: number,
): Promise<Buffer> =>
  fromFirstServer(
    withMirrors(new URL(address), options.mirrors ?? []),
    options.report,
    (url) => fetchSmall(url, limit, downloadOptions(options)),
  );

const publishedDigest = async (
  address: string,
  options: ResolveOptions,
): Promise<string> => {
  const from = `${shownUrl(new URL(address))}.sha256`;
  const text = await fetchBeside(`${address}.sha256`, options, MAX_SMALL_SIZE);
  const list = parseChecksumList(text, from);
  const digest = findListed(list, fileIn(address), true)?.sha256;
  if (digest === undefined) {
    throw checksumListWrong(from, `has no checksum for ${fileIn(address)}`);
  }
  return digest;
};

const newestAddress = async (
  { address, list }: SignedFileRelease,
  options: ResolveOptions,
): Promise<string> =>
  list === undefined
    ? address
    : newestInOsList(
        (await fetchBeside(list, options, MAX_LIST_SIZE)).toString("utf8"),
        address,
        shownUrl(new URL(list)),
      );

const sha256Of = (bytes: Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex");

/** Throws NetworkFailure, KEY_WRONG or CHECKSUM_LIST_WRONG; the file's own signature is judged when the file is there. */
export const findSignedFile = async (
  name: string,
  release: SignedFileRelease,
  options: ResolveOptions,
): Promise<FoundRelease> => {
  const place = await cachePath(options.env, "lists", `${name}.json`);
  const record = await readRecord(place);
  const found = (
    newest: ReleaseFile,
    stale: NetworkFailure | undefined,
    remember: FoundRelease["remember"],
  ): FoundRelease => ({
    newest,
    named: (file) => (file === newest.file ? newest : undefined),
    stale,
    remember,
  });
  try {
    const key = await loadPinnedKey(release.key, options);
    const address = await newestAddress(release, options);
    const signature = await fetchBeside(
      `${address}.sig`,
      options,
      MAX_SMALL_SIZE,
    );
    const from = `${shownUrl(new URL(address))}.sig`;
    const file = fileIn(address);
    const same =
      record?.address === address && record.signature === sha256Of(signature);
    const sha256 = release.checksum
      ? await publishedDigest(address, options)
      : same
        ? record.sha256
        : undefined;
    let signed = same ? record.signed : undefined;
    const prove = async (path: string): Promise<void> => {
      const at = await verifyFileSignature(
        path,
        { signature, from, now: new Date() },
        key,
      );
      demandOfItsDay({ from, signed: at }, file);
      if (record?.signed !== undefined) {
        const seen = { signed: new Date(record.signed), record: place };
        demandNotOlder({ from, signed: at }, seen);
      }
      signed = at.toISOString();
    };
    return found(
      {
        file,
        sha256,
        urls: withMirrors(new URL(address), options.mirrors ?? []),
        from,
        // A file that an earlier run has proven with this very signature needs no second proof.
        prove:
          same && signed !== undefined && sha256 === record.sha256
            ? undefined
            : prove,
      },
      undefined,
      async (taken, digest) => {
        if (taken.file === file) {
          await writeFileAtomically(
            place,
            JSON.stringify({
              address,
              sha256: digest,
              signature: sha256Of(signature),
              signed,
            }),
          );
        }
      },
    );
  } catch (error) {
    if (!(error instanceof NetworkFailure) || record === undefined) {
      throw error;
    }
    const { address, sha256 } = record;
    return found(
      {
        file: fileIn(address),
        sha256,
        urls: [new URL(address)],
        from: shownUrl(new URL(address)),
      },
      error,
      async () => undefined,
    );
  }
};
