// The driver with which the cluster makes volumes on its storage node, and the StorageClass that uses it.
import { posix } from "node:path";
import { dump } from "js-yaml";
import type { NfsExport } from "../inventory/resolved.ts";
import { editManifest } from "./edit-manifest.ts";
import type { FetchedManifest } from "./fetch-cni.ts";
import { fetchFile, type FetchOptions, readManifest } from "./fetch-file.ts";
import type { Pins } from "./load-pins.ts";
import { mirroredUrl } from "../network/mirrored-url.ts";

const DRIVER = "nfs.csi.k8s.io";

export const driverTitle = ({ storage }: Pins): string =>
  `csi-driver-nfs ${storage.version}`;

/**
 * The export maps all users of all machines to one user, so a volume's group cannot be changed, and need not be. With the
 * driver's own policy, a pod with an fsGroup would never start.
 * https://kubernetes-csi.github.io/docs/support-fsgroup.html
 */
const withoutGroups = (text: string, title: string): string =>
  text.includes("kind: CSIDriver")
    ? editManifest(text, title, [
        {
          kind: "CSIDriver",
          name: DRIVER,
          edit: (object) => object.setIn(["spec", "fsGroupPolicy"], "None"),
        },
      ])
    : text;

/** Undefined when one of them is not in the cache and the network is not to be used. Throws as `fetchFile` does. */
export const fetchStorageDriver = async (
  pins: Pins,
  mirror: string | undefined,
  options: FetchOptions,
): Promise<readonly FetchedManifest[] | undefined> => {
  const title = driverTitle(pins);
  const found: FetchedManifest[] = [];
  for (const [index, { url, sha256 }] of pins.storage.manifests.entries()) {
    const file = await fetchFile(
      {
        name: title,
        url: mirroredUrl(url, mirror),
        sha256,
        expectedBy: "this version of pi-image",
        acceptHint:
          "try again on another network; if this persists, do not use this server",
      },
      options,
    );
    if (file === undefined) {
      return undefined;
    }
    found.push({
      manifest: {
        // Applied after the pod network and before the add-ons, in the driver's own order.
        name: `15-storage-${index + 1}-${posix.basename(new URL(url).pathname)}`,
        text: withoutGroups(await readManifest(file.path, title), title),
      },
      locked: {
        name: posix.basename(new URL(url).pathname),
        version: pins.storage.version,
        url,
        sha256: file.sha256,
      },
    });
  }
  return found;
};

/** The cluster's default StorageClass: a volume is a folder of the export, and is kept when its claim is deleted. */
export const storageClass = ({ server, path }: NfsExport): FetchedManifest => ({
  locked: undefined,
  manifest: {
    name: "16-storage-class.yaml",
    text: dump(
      {
        apiVersion: "storage.k8s.io/v1",
        kind: "StorageClass",
        metadata: {
          name: "nfs",
          annotations: {
            "storageclass.kubernetes.io/is-default-class": "true",
          },
        },
        provisioner: DRIVER,
        parameters: { server, share: path },
        // Deleting a claim by mistake must not delete data.
        reclaimPolicy: "Retain",
        volumeBindingMode: "Immediate",
        allowVolumeExpansion: true,
        mountOptions: ["nfsvers=4.2", "noatime"],
      },
      { lineWidth: -1 },
    ),
  },
});
