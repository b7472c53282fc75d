// The manifest of the cluster's network plug-in, in the pinned version and filled in for this cluster.
import { type Cni, type ResolvedProject } from "../inventory/resolved.ts";
import type { LockedManifest } from "./lock.ts";
import { fetchFile, type FetchOptions, readManifest } from "./fetch-file.ts";
import { fillCalico } from "./fill-calico.ts";
import { fillFlannel } from "./fill-flannel.ts";
import type { PinnedManifest, Pins } from "./load-pins.ts";
import type { Manifest } from "./kubernetes-manifest.ts";
import { mirroredUrl } from "../network/mirrored-url.ts";
import { renderCilium } from "./render-cilium.ts";

export type FetchedManifest = {
  readonly manifest: Manifest;
  /** What the lockfile records; undefined for a file of the user's own. */
  readonly locked: LockedManifest | undefined;
};

/** "flannel v0.28.9" */
export const cniTitle = (cni: Cni, { version }: PinnedManifest): string =>
  `${cni} ${version}`;

const fill = async (
  path: string,
  title: string,
  project: ResolvedProject,
  signal: AbortSignal,
): Promise<string> => {
  switch (project.cluster.cni) {
    case "flannel":
      return fillFlannel(await readManifest(path, title), title, project);
    case "calico":
      return fillCalico(await readManifest(path, title), title, project);
    case "cilium":
      return renderCilium(path, title, project, signal);
  }
};

/** Undefined when it is not in the cache and the network is not to be used. Throws as `fetchFile` and the fillers do. */
export const fetchCni = async (
  project: ResolvedProject,
  pins: Pins,
  options: FetchOptions,
): Promise<FetchedManifest | undefined> => {
  const { cni, mirrors } = project.cluster;
  const pinned = pins.manifests[cni];
  const title = cniTitle(cni, pinned);
  const file = await fetchFile(
    {
      name: title,
      url: mirroredUrl(pinned.url, mirrors.manifests),
      sha256: pinned.sha256,
      expectedBy: "this version of pi-image",
      acceptHint:
        "try again on another network; if this persists, do not use this server",
    },
    options,
  );
  return file === undefined
    ? undefined
    : {
        manifest: {
          name: `10-cni-${cni}.yaml`,
          text: await fill(file.path, title, project, options.signal),
        },
        locked: {
          name: cni,
          version: pinned.version,
          url: pinned.url,
          sha256: file.sha256,
        },
      };
};
