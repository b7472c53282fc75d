// Brings one manifest or chart into the cache, or finds it there.
import { ifOneOf } from "../report/expected-failure.ts";
import type { DownloadOptions } from "../network/download.ts";
import { cachedArchive, fetchArchive } from "../base/fetch-archive.ts";
import { shownUrl } from "../network/http-request.ts";
import { NetworkFailure } from "../network/network-failure.ts";
import { UserError } from "../report/user-error.ts";
import { findManifestMistake, MANIFEST_LIMIT } from "./kubernetes-manifest.ts";
import { readAtMost } from "../system/read-whole.ts";

export type FetchOptions = DownloadOptions & {
  /** Whether the network may be used; otherwise only the cache is looked at. */
  readonly network: boolean;
};

export type WantedFile = {
  /** What messages call it, such as "flannel v0.28.9". */
  readonly name: string;
  readonly url: URL;
  /** Undefined where any content is accepted. */
  readonly sha256: string | undefined;
  /** For the message about different content: what it was compared with, and how to accept it. */
  readonly expectedBy: string;
  readonly acceptHint: string;
};

export type FetchedFile = { readonly path: string; readonly sha256: string };

const differs = (wanted: WantedFile, cause: UserError): UserError =>
  new UserError(
    "CHECKSUM_MISMATCH",
    `what ${shownUrl(wanted.url)} has is not the ${wanted.name} that ${wanted.expectedBy} records`,
    {
      facts: cause.facts,
      state: "nothing was written",
      hint: wanted.acceptHint,
      cause,
    },
  );

/**
 * Undefined when it is not in the cache and the network is not to be used. Throws NetworkFailure, and CHECKSUM_MISMATCH
 * for other content than expected.
 */
export const fetchFile = async (
  wanted: WantedFile,
  options: FetchOptions,
): Promise<FetchedFile | undefined> => {
  const { sha256, name, url } = wanted;
  const cached =
    sha256 === undefined
      ? undefined
      : await cachedArchive(sha256, name, options);
  if (cached !== undefined || !options.network) {
    return cached;
  }
  try {
    return await fetchArchive(
      { urls: [url], sha256, from: wanted.expectedBy, name },
      options,
    );
  } catch (error) {
    throw error instanceof UserError && error.code === "CHECKSUM_MISMATCH"
      ? differs(wanted, error)
      : error;
  }
};

/** Tells the user why a manifest that is needed cannot be had. */
export const explainMissingFile = (
  name: string,
  failure: NetworkFailure,
): UserError =>
  failure.kind === "unreachable"
    ? new UserError(
        "MANIFEST_UNREACHABLE",
        `${name} is not in the cache, and ${failure.message}`,
        {
          state: "nothing was written",
          hint: "connect to the network (http_proxy and https_proxy are honoured), or name a mirror under `mirrors: {manifests: ...}` in the inventory",
          cause: failure,
        },
      )
    : new UserError(
        "DOWNLOAD_FAILED",
        `${name} cannot be downloaded: ${failure.message}`,
        {
          state: "nothing was written",
          hint: "try again later; where the inventory names a mirror, check that it has this path",
          cause: failure,
        },
      );

const wrong = (from: string, why: string): UserError =>
  new UserError("MANIFEST_WRONG", `${from} ${why}`, {
    state: "nothing was written",
    hint: "check the address; a manifest is a YAML file of Kubernetes objects",
  });

/** The file's text. Throws MANIFEST_WRONG for what cannot be a manifest. */
export const readManifest = async (
  path: string,
  from: string,
): Promise<string> => {
  const bytes = await readAtMost(path, MANIFEST_LIMIT);
  if (bytes.length > MANIFEST_LIMIT) {
    throw wrong(
      from,
      `is larger than ${MANIFEST_LIMIT / 1024 / 1024} MiB, so it is not a manifest`,
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw ifOneOf(error, [TypeError], wrong(from, "is not text in UTF-8"));
  }
};

/** The same for a file from unknown authors: each of its documents must be a Kubernetes object. */
export const readUnknownManifest = async (
  path: string,
  from: string,
): Promise<string> => {
  const text = await readManifest(path, from);
  const mistake = findManifestMistake(text);
  if (mistake !== undefined) {
    throw wrong(from, `${mistake.message} (line ${mistake.line})`);
  }
  return text;
};
