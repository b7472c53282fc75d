// Gathers what cards carry besides their fragments: the package key for every node, manifests for the first control plane.
import type { DownloadOptions } from "../network/download.ts";
import { NetworkFailure } from "../network/network-failure.ts";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { isFirstControlPlane } from "../kubernetes/kubeadm-documents.ts";
import { UserError } from "../report/user-error.ts";
import { addonPlaces } from "./addon-places.ts";
import { fetchAddon } from "./fetch-addon.ts";
import { cniTitle, fetchCni, type FetchedManifest } from "./fetch-cni.ts";
import {
  driverTitle,
  fetchStorageDriver,
  storageClass,
} from "./fetch-storage-driver.ts";
import { explainMissingFile, type FetchOptions } from "./fetch-file.ts";
import { fetchKey } from "./fetch-key.ts";
import type { Pins } from "./load-pins.ts";
import type { Lock, LockedKey, LockedManifest } from "./lock.ts";
import type { Manifest } from "./kubernetes-manifest.ts";

/**
 * What happens when a manifest is not in the cache and its server cannot be reached: an error, or a warning for an image
 * that is only for trying out. With "ignore" no server is asked, and what the cache lacks is left out.
 */
export type WhenMissing = "refuse" | "warn" | "ignore";

export type SuppliesRequest = {
  readonly project: ResolvedProject;
  /** The nodes that the supplies are for; workers need no manifests. */
  readonly nodes: readonly ResolvedNode[];
  /** The manifests of the inventory's `file:` add-ons. */
  readonly fileAddons: readonly Manifest[];
  /** The address of the package repository, which has the packages' key too; ends in a slash. */
  readonly packages: string;
  readonly pins: Pins;
  readonly lock: Lock | undefined;
  readonly lockFile: string;
  readonly whenMissing: WhenMissing;
  readonly now: Date;
};

export type Supplies = {
  /** The ASCII-armoured key; undefined where the node fetches it and checks its fingerprint. */
  readonly kubernetesKey: string | undefined;
  /** In the order of their names. */
  readonly manifests: readonly Manifest[];
  /** What the lockfile records of them. */
  readonly locked: {
    readonly manifests: readonly LockedManifest[];
    readonly keys: readonly LockedKey[];
  };
};

/** In milliseconds; shorter than usual, because users who only try pi-image out may well have no network. */
const TRYING_OUT_TIMEOUT = 5000;

/** How a warning begins; a server that does answer, but with something else, does not mean that there is no network. */
const noNetwork = ({ kind }: NetworkFailure): string =>
  kind === "unreachable" ? "no network: " : "";

/** The result of `work`; if it cannot be had, `whenMissing` decides whether to return undefined, to warn or to throw. */
const orMissing = async <Found>(
  title: string,
  { whenMissing }: SuppliesRequest,
  options: FetchOptions,
  work: Promise<Found | undefined>,
): Promise<Found | undefined> => {
  try {
    return await work;
  } catch (error) {
    if (whenMissing === "ignore" && error instanceof UserError) {
      return undefined;
    }
    if (!(error instanceof NetworkFailure)) {
      throw error;
    }
    if (whenMissing === "refuse") {
      throw explainMissingFile(title, error);
    }
    options.report({
      type: "warning",
      message: `${noNetwork(error)}the image carries no manifest of ${title}, so the cluster waits for you to apply one (${error.message})`,
      hint: "connect to the network and build again, or name a manifest of your own under cluster.addons",
    });
    return undefined;
  }
};

/** What the first control plane applies, in the order of their names. Throws as `gatherSupplies` does. */
export const gatherManifests = async (
  request: SuppliesRequest,
  options: FetchOptions,
): Promise<readonly FetchedManifest[]> => {
  const { project, lock, lockFile, pins } = request;
  const { addons, cni, mirrors } = project.cluster;
  const found: (FetchedManifest | undefined)[] = [
    await orMissing(
      cniTitle(cni, pins.manifests[cni]),
      request,
      options,
      fetchCni(project, pins, options),
    ),
  ];
  const exports = project.nodes.find((node) => node.exports)?.exports;
  if (exports !== undefined) {
    const driver = await orMissing(
      driverTitle(pins),
      request,
      options,
      fetchStorageDriver(pins, mirrors.manifests, options),
    );
    found.push(...(driver ?? []), storageClass(exports));
  }
  for (const place of addonPlaces(addons)) {
    const { file } = place;
    if (place.from === "url") {
      const { url } = place;
      found.push(
        await orMissing(
          `the add-on ${url}`,
          request,
          options,
          fetchAddon(
            { url, file, mirror: mirrors.manifests, lock, lockFile },
            options,
          ),
        ),
      );
      continue;
    }
    const manifest = request.fileAddons.find(({ name }) => name === file);
    if (manifest !== undefined) {
      found.push({ manifest, locked: undefined });
    }
  }
  return found.filter((each) => each !== undefined);
};

const gatherKey = async (
  request: SuppliesRequest,
  options: FetchOptions,
): Promise<
  { readonly text: string; readonly locked: LockedKey } | undefined
> => {
  const { pins, packages, now, lock, whenMissing, project } = request;
  const fingerprint =
    project.cluster.mirrors.kubernetesKey ?? pins.keys.kubernetes.fingerprint;
  try {
    const key = await fetchKey(
      { url: new URL("Release.key", packages), fingerprint, now },
      options,
    );
    if (key === undefined) {
      return undefined;
    }
    const earlier = lock?.keys.find(({ name }) => name === "kubernetes");
    if (
      whenMissing !== "ignore" &&
      earlier !== undefined &&
      earlier.fingerprint !== fingerprint
    ) {
      options.report({
        type: "warning",
        message: `the Kubernetes packages are signed with a different key than at the last build: ${fingerprint} instead of ${earlier.fingerprint}`,
        hint:
          project.cluster.mirrors.kubernetesKey === undefined
            ? "this version of pi-image pins the new one; see its changelog"
            : "cluster.mirrors.kubernetesKey names the new one",
      });
    }
    return {
      text: key.text,
      locked: {
        name: "kubernetes",
        fingerprint,
        expires: key.expires?.toISOString() ?? null,
      },
    };
  } catch (error) {
    if (!(error instanceof NetworkFailure)) {
      throw error;
    }
    if (project.cluster.bundle) {
      // No node needs it; whoever chooses packages for the bundle says that it is missing.
      return undefined;
    }
    const message = `the key of the Kubernetes packages is not on the card (${error.message}); the node fetches it at its first boot and checks its fingerprint`;
    options.report(
      whenMissing === "warn"
        ? { type: "warning", message: `${noNetwork(error)}${message}` }
        : { type: "notice", message },
    );
    return undefined;
  }
};

/**
 * Throws MANIFEST_UNREACHABLE, DOWNLOAD_FAILED, MANIFEST_WRONG, CHECKSUM_MISMATCH, KEY_WRONG, KEY_EXPIRED and, for a chart,
 * TOOL_MISSING. What a node gets does not depend on which other nodes are asked for.
 */
export const gatherSupplies = async (
  request: SuppliesRequest,
  download: DownloadOptions,
): Promise<Supplies> => {
  const options: FetchOptions = {
    ...download,
    network: request.whenMissing !== "ignore",
    ...(request.whenMissing === "warn"
      ? { connectTimeout: TRYING_OUT_TIMEOUT }
      : {}),
  };
  // A bundle holds the images of all manifests, whoever applies them.
  const needed =
    request.project.cluster.bundle ||
    request.nodes.some((node) => isFirstControlPlane(request.project, node));
  const fetched = needed ? await gatherManifests(request, options) : [];
  const key = await gatherKey(request, options);
  return {
    kubernetesKey: key?.text,
    manifests: fetched.map(({ manifest }) => manifest),
    locked: {
      manifests: fetched.flatMap(({ locked }) => locked ?? []),
      keys: key === undefined ? [] : [key.locked],
    },
  };
};
