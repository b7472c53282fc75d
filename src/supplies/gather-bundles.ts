// The bundles of a run: one for each base of its nodes, with what any node of the cluster needs.
import type { PinnedKey } from "../base/proof/signature.ts";
import { parseImageName } from "../bundle/oci/parse-image-name.ts";
import {
  type Bundle,
  type BundleWishes,
  isWanted,
  makeBundle,
} from "../bundle/make-bundle.ts";
import type { LockedBundle } from "../bundle/locked-bundle.ts";
import type { Source } from "../image/source.ts";
import { addonPlaces } from "./addon-places.ts";
import { nodePackages } from "../inventory/node-packages.ts";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { KUBE_VIP_IMAGE } from "../kubernetes/kube-vip.ts";
import { kubernetesImages } from "../kubernetes/kubernetes-images.ts";
import type { DownloadOptions } from "../network/download.ts";
import { NetworkFailure } from "../network/network-failure.ts";
import { UserError } from "../report/user-error.ts";
import type { Manifest } from "./kubernetes-manifest.ts";
import { manifestImages } from "./manifest-images.ts";

/** A base that cards are made from. */
export type BundleBase = {
  /** The inventory's name for it. */
  readonly base: string;
  /** Its name in the lockfile, and in messages. */
  readonly name: string;
  readonly sha256: string;
  readonly open: () => Promise<Source>;
};

export type BundlesRequest = {
  readonly project: ResolvedProject;
  /** Every manifest that the first control plane applies. */
  readonly manifests: readonly Manifest[];
  /** The address of the package repository; ends in a slash. */
  readonly packages: string;
  /** The key of that repository, in ASCII armour, with its fingerprint; undefined where it could not be had. */
  readonly key: PinnedKey | undefined;
  readonly locked: readonly LockedBundle[];
};

const sortedOnce = (texts: readonly string[]): readonly string[] =>
  [...new Set(texts)].toSorted();

/** One bundle serves every role, so that any card can become any node and all cards share one file. */
const packagesOf = (nodes: readonly ResolvedNode[]): readonly string[] =>
  sortedOnce(nodes.flatMap(nodePackages));

const fullName = (image: string, place: string): string => {
  const parsed = parseImageName(image);
  if ("why" in parsed) {
    throw new UserError(
      "BUNDLE_INCOMPLETE",
      `${place} names an image that no registry can have: ${image} ${parsed.why}`,
      { state: "nothing was written", hint: "mend the name in the manifest" },
    );
  }
  return parsed.full;
};

/** Throws BUNDLE_INCOMPLETE where an offline node could not start what it has. */
const imagesOf = ({
  project: { cluster },
  manifests,
}: BundlesRequest): readonly string[] => {
  const places = new Map(
    addonPlaces(cluster.addons).map((place) => [
      place.file,
      place.from === "file" ? place.path : place.url,
    ]),
  );
  const named = manifests.flatMap(({ name, text }) =>
    manifestImages(text).map((image) => ({
      name: places.get(name) ?? name,
      ...image,
    })),
  );
  const asking = named.filter(({ asksRegistry }) => asksRegistry !== undefined);
  if (cluster.offline && asking.length > 0) {
    throw new UserError(
      "BUNDLE_INCOMPLETE",
      `${asking.length === 1 ? "a container asks" : `${asking.length} containers ask`} a registry although the cluster is offline`,
      {
        facts: asking.map(
          ({ name, line, image, asksRegistry }) =>
            `${name}:${line} ${image}: ${asksRegistry}`,
        ),
        state: "nothing was written",
        hint: "give the image a version, and the container imagePullPolicy: IfNotPresent",
      },
    );
  }
  return sortedOnce([
    ...[
      ...kubernetesImages(
        cluster.kubernetes.patch,
        cluster.mirrors.kubernetesImages,
      ),
      ...(cluster.endpoint.virtual ? [KUBE_VIP_IMAGE] : []),
    ].map((image) => fullName(image, "pi-image")),
    ...named.map(({ name, line, image }) => fullName(image, `${name}:${line}`)),
  ]);
};

/** What the bundle of this base is to hold; pure but for the opening of the base. Throws BUNDLE_INCOMPLETE. */
export const bundleWishes = (
  request: BundlesRequest,
  base: BundleBase,
): BundleWishes => {
  const { project, packages, key } = request;
  const { kubernetes, mirrors } = project.cluster;
  return {
    base: base.name,
    baseSha256: base.sha256,
    openBase: base.open,
    kubernetes: kubernetes.patch,
    packages: packagesOf(project.nodes),
    images: imagesOf(request),
    kubernetesArchive: { address: packages.replace(/\/$/, ""), key },
    systemMirror: mirrors.ubuntu,
    registries: mirrors.registries,
  };
};

/** Tells the user why what a bundle needs cannot be had. */
const explain = (base: string, error: unknown): unknown =>
  error instanceof NetworkFailure
    ? new UserError(
        "BUNDLE_UNREACHABLE",
        `the bundle for ${base} is not complete in the cache, and ${error.message}`,
        {
          state: "nothing was written; the next run goes on from here",
          hint: "connect to the network (http_proxy and https_proxy are honoured), or bring a bundle that another computer wrote: `pi-image bundle write FILE` there, `--bundle FILE` here",
          cause: error,
        },
      )
    : error;

/** By the inventory's name of the base. Throws what `makeBundle` throws, but BUNDLE_UNREACHABLE for what no server gave. */
export const gatherBundles = async (
  request: BundlesRequest,
  bases: readonly BundleBase[],
  options: DownloadOptions,
): Promise<ReadonlyMap<string, Bundle>> => {
  const bundles = new Map<string, Bundle>();
  for (const base of bases) {
    const earlier = request.locked.find((each) => each.base === base.name);
    const wishes = bundleWishes(request, base);
    bundles.set(
      base.base,
      await makeBundle(wishes, earlier, options).catch((error: unknown) => {
        throw explain(base.name, error);
      }),
    );
  }
  return bundles;
};

/**
 * The indexes of the bundles that the lockfile has, by the inventory's name of the base, where they are what is wanted now; nothing is
 * fetched.
 */
export const lockedIndexes = (
  request: BundlesRequest,
  bases: readonly BundleBase[],
): ReadonlyMap<string, string> =>
  new Map(
    bases.flatMap((base) => {
      const earlier = request.locked.find((each) => each.base === base.name);
      return isWanted(bundleWishes(request, base), earlier)
        ? [[base.base, earlier.index] as const]
        : [];
    }),
  );
