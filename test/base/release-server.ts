// A vendor's server with a signed list of two point releases, and what a run of pi-image makes of it.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type {
  BaseRequest,
  ResolveOptions,
} from "../../src/base/base-request.ts";
import type { Catalogue, Release } from "../../src/base/load-catalogue.ts";
import { resolveBase } from "../../src/base/resolve-base.ts";
import type { PinnedKey } from "../../src/base/proof/signature.ts";
import { testOptions, packageCatalogue } from "./base-options.ts";
import type { openGpg } from "./gpg.ts";
import { startServer } from "./http-server.ts";
import { asDisk } from "../support/as-disk.ts";

/** The smallest thing that opens as a raw image. */
export const rawImage = (fill: number): Buffer => {
  return asDisk(Buffer.alloc(4096, fill));
};
export const sha256 = (bytes: Buffer) =>
  createHash("sha256").update(bytes).digest("hex");

export const old = gzipSync(rawImage(1));
export const newest = gzipSync(rawImage(2));
export const name = (point: string) =>
  `ubuntu-24.04${point}-preinstalled-server-arm64+raspi.img.xz`;

/** Resolves and closes; gives what a command would remember. */
export const resolve = async (
  request: BaseRequest,
  options: ResolveOptions,
) => {
  const base = await resolveBase(request, options);
  await base.reader.close();
  return {
    name: base.name,
    sha256: base.sha256,
    origin: base.origin,
    path: base.path,
  };
};

/** A server with a signed list of two point releases and other files, and an empty cache. */
export const serveRelease = async (
  gpg: ReturnType<typeof openGpg>,
  pinned: PinnedKey,
  signer = pinned,
) => {
  const server = await startServer();
  const options = testOptions();
  const { samples } = await packageCatalogue();
  const release = (folder: string): Release => ({
    signed: "list",
    title: "Ubuntu Server 24.04 LTS",
    folder,
    file: "ubuntu-24.04*-preinstalled-server-arm64+raspi.img.xz",
    key: pinned,
    sample: "sample",
  });
  const catalogue = (folder: string): Catalogue => ({
    releases: new Map([["ubuntu-24.04", release(folder)]]),
    samples,
  });
  const publish = (list: string, key = signer, ...how: readonly string[]) => {
    const data = Buffer.from(list);
    server.files.set("SHA256SUMS", data);
    server.files.set("SHA256SUMS.gpg", gpg.sign(data, key, "--armor", ...how));
  };
  publish(
    [
      `${sha256(Buffer.from("desktop"))} *ubuntu-24.04.9-preinstalled-desktop-arm64+raspi.img.xz`,
      `${sha256(newest)} *${name(".10")}`,
      `${sha256(old)} *${name(".9")}`,
      `${sha256(old)} *${name("")}`,
      "",
    ].join("\n"),
  );
  server.files.set(name(".9"), old);
  server.files.set(name(".10"), newest);
  const run = (
    request: Partial<BaseRequest> = {},
    folder = server.address,
    mirrors: readonly string[] = [],
  ) =>
    resolve(
      { base: "ubuntu-24.04", explicit: true, ...request },
      { ...options, catalogue: catalogue(folder), mirrors },
    );
  return { ...server, options, publish, run, catalogue };
};
