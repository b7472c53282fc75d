// The folder in which an image was published, here or on a server, with its list of checksums and other files beside it.
import { basename, dirname, join } from "node:path";
import { downloadOptions, type ResolveOptions } from "../base-request.ts";
import { readPublished } from "./beside-file.ts";
import { decodePercent } from "../../network/decode-percent.ts";
import { fetchSmall } from "../../network/fetch-small.ts";
import { shownUrl } from "../../network/http-request.ts";
import { NetworkFailure } from "../../network/network-failure.ts";

const MAX_SIZE = 1024 * 1024;

type Options = Omit<ResolveOptions, "catalogue">;

export type PublishedFolder = {
  /** The image's name in the list. */
  readonly file: string;
  /** Where a file of the folder is, for messages. */
  readonly place: (name: string) => string;
  /** Throws NetworkFailure "refused" where there is no such file, even for a folder on this computer. */
  readonly read: (name: string) => Promise<Buffer>;
};

const localFolder = (path: string): PublishedFolder => {
  const place = (name: string) => join(dirname(path), name);
  return {
    file: basename(path),
    place,
    read: async (name) => {
      const data = await readPublished(place(name));
      if (data === undefined) {
        throw new NetworkFailure("refused", `${place(name)} does not exist`);
      }
      return data;
    },
  };
};

const servedFolder = (url: URL, options: Options): PublishedFolder => ({
  file: decodePercent(basename(url.pathname)),
  place: (name) => shownUrl(new URL(name, url)),
  read: (name) =>
    fetchSmall(new URL(name, url), MAX_SIZE, downloadOptions(options)),
});

/** @param image a path, or an http or https address */
export const publishedFolder = (
  image: string | URL,
  options: Options,
): PublishedFolder =>
  typeof image === "string" ? localFolder(image) : servedFolder(image, options);
