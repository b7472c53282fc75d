// Asks the servers that may have an image for its documents and blobs; whatever has a digest ends up in the cache under it.
import { stat } from "node:fs/promises";
import { fetchArchive } from "../../base/fetch-archive.ts";
import type { DownloadOptions } from "../../network/download.ts";
import { fetchSmall } from "../../network/fetch-small.ts";
import { fromFirstServer } from "../../network/first-server.ts";
import { NetworkFailure } from "../../network/network-failure.ts";
import { archiveWrong } from "../debian/archive-wrong.ts";
import { imageFailure } from "./image-wrong.ts";
import { ACCEPTED } from "./media-types.ts";
import type { ImageName } from "./parse-image-name.ts";
import { DOCUMENT_LIMIT } from "./read-manifest.ts";
import {
  type MirroredRegistry,
  type RegistryServer,
  registryServers,
} from "./registry-servers.ts";
import { type Authorized, withToken } from "./registry-token.ts";

export type RegistryOptions = DownloadOptions & {
  /** Of the registries' mirrors those that are asked first, in this order. */
  readonly registries?: readonly MirroredRegistry[];
};

export type WantedBlob = {
  readonly kind: "manifests" | "blobs";
  readonly digest: string;
  /** Undefined for a manifest of which only the digest is known. */
  readonly size: number | undefined;
};

export type RegistryClient = {
  /** What a tag means now. */
  readonly tagged: (tag: string) => Promise<Buffer>;
  /** The path of the blob in the cache; no server is asked for what is there. */
  readonly blob: (wanted: WantedBlob) => Promise<string>;
};

/**
 * Its functions throw DOWNLOAD_FAILED, BUNDLE_INCOMPLETE where no server has what is asked for, CHECKSUM_MISMATCH and
 * ARCHIVE_WRONG (then nothing is kept), and DISK_FULL.
 */
export const openRegistry = (
  name: ImageName,
  options: RegistryOptions,
): RegistryClient => {
  const all = registryServers(name, options.registries ?? []).map((server) => ({
    ...server,
    authorized: withToken(name.repository, options),
  }));
  /** Not asked again; each one would be waited for with every blob. */
  const unreachable = new Set<RegistryServer>();
  const ask = async <Result>(
    request: (
      server: RegistryServer & { readonly authorized: Authorized },
    ) => Promise<Result>,
  ): Promise<Result> => {
    const reachable = all.filter((server) => !unreachable.has(server));
    try {
      return await fromFirstServer(
        reachable.length === 0 ? all : reachable,
        options.report,
        async (server) => {
          try {
            return await request(server);
          } catch (error) {
            if (
              error instanceof NetworkFailure &&
              error.kind === "unreachable"
            ) {
              unreachable.add(server);
            }
            throw error;
          }
        },
      );
    } catch (error) {
      throw error instanceof NetworkFailure
        ? imageFailure(name.full, error)
        : error;
    }
  };
  return {
    tagged: (tag) =>
      ask(({ urlOf, authorized }) => {
        const url = urlOf(`manifests/${tag}`);
        return authorized(url, (headers) =>
          fetchSmall(url, DOCUMENT_LIMIT, {
            ...options,
            headers: { accept: ACCEPTED, ...headers },
          }),
        );
      }),
    blob: ({ kind, digest, size }) =>
      ask(async ({ urlOf, authorized }) => {
        const url = urlOf(`${kind}/${digest}`);
        const { path } = await authorized(url, (headers, received) =>
          fetchArchive(
            {
              urls: [url],
              sha256: digest.replace(/^sha256:/, ""),
              bytes: size ?? DOCUMENT_LIMIT,
              from: `the manifest of ${name.full}`,
              name: `a part of ${name.full}`,
            },
            {
              ...options,
              report: (event) => {
                if (event.type === "progress") {
                  received();
                }
                options.report(event);
              },
              headers: {
                accept: kind === "manifests" ? ACCEPTED : "*/*",
                ...headers,
              },
            },
          ),
        );
        const found = await stat(path);
        if (size !== undefined && found.size !== size) {
          throw archiveWrong(
            `the manifest of ${name.full}`,
            `says that ${digest} has ${size} bytes, and it has ${found.size}`,
          );
        }
        return path;
      }),
  };
};
