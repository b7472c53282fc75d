// The folder with real Kubernetes that a run is given, and a base image that has it installed.
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe } from "vitest";
import { runTool } from "../../../src/system/run/run-tool.ts";
import { baseImage, type Base } from "../base/base-image.ts";
import { describeAsRoot } from "../../support/tools.ts";
import type { Vendor } from "../support/project.ts";
import {
  cachedImage,
  RASPIOS,
  RASPIOS_MIB,
  shapeRaspios,
} from "../support/vendor-image.ts";

/**
 * Contents, all for the architecture of this machine and of the minor that the tests' inventory names:
 *
 *     kubeadm kubelet kubectl
 *     crictl                   optional for `assemble`; a control plane that joins needs it to be sure that its etcd is off
 *     cni/                     loopback, bridge, host-local, portmap, as the package kubernetes-cni has them
 *     images/*.tar             for `ctr images import`: what `kubeadm config images list` and kube-flannel.yml name,
 *                              and docker.io/library/busybox:1
 *     kube-flannel.yml         of the release that profiles/manifests.yaml pins
 */
export const KUBE_BIN = process.env["PI_IMAGE_KUBE_BIN"] ?? "";

const NEEDED = [
  "kubeadm",
  "kubelet",
  "kubectl",
  "cni",
  "images",
  "kube-flannel.yml",
];

const TOOLS = ["mmdebstrap", "mcopy", "ip", "sfdisk", "dnsmasq", "ssh"];

/** Skipped by name without the folder, in CI too, which has no binaries of Kubernetes; an incomplete folder fails. */
export const describeWithKubernetes = (title: string, body: () => void) => {
  if (KUBE_BIN === "") {
    describe.skip(`${title} (needs PI_IMAGE_KUBE_BIN)`, body);
    return;
  }
  const missing = NEEDED.filter((name) => !existsSync(join(KUBE_BIN, name)));
  if (missing.length > 0) {
    throw new Error(`${KUBE_BIN} has no ${missing.join(", ")}`);
  }
  describeAsRoot(TOOLS, title, body);
};

const CHANGES = join(import.meta.dirname, "base");

/** What lets the real programs run in a container or in user-mode Linux. */
const fit = async (root: string): Promise<void> => {
  await runTool("cp", ["-r", `${CHANGES}/overlay/.`, root]);
};

const install = async (root: string): Promise<void> => {
  const programs = ["kubeadm", "kubelet", "kubectl", "crictl"]
    .map((name) => join(KUBE_BIN, name))
    .filter((path) => existsSync(path));
  await fit(root);
  await runTool("install", [
    "-m",
    "0755",
    "-t",
    join(root, "usr/bin"),
    ...programs,
  ]);
  await runTool("mkdir", ["-p", join(root, "opt/cni")]);
  await runTool("cp", [
    "-rL",
    join(KUBE_BIN, "cni"),
    join(root, "opt/cni/bin"),
  ]);
  const images = join(KUBE_BIN, "images");
  await runTool("unshare", [
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "sh",
    join(CHANGES, "preload.sh"),
    root,
    ...readdirSync(images).map((name) => join(images, name)),
  ]);
};

/** What a base looks like: Ubuntu's network, or that of Raspberry Pi OS; a bare one lacks Kubernetes, which comes in a bundle. */
export type Shape = "ubuntu" | "raspios" | "bare";

/**
 * As a base of the user's own: the packages are there already, and so are the images that kubeadm would fetch. Its path, by which
 * pi-image tells the system.
 */
export const kubernetesImage = async (
  base: Base,
  shape: Shape,
): Promise<string> => {
  const usage = await runTool("du", ["-sm", KUBE_BIN]);
  // containerd keeps an image twice: as it came and unpacked. An upgrade brings some of another version.
  const growMib = 2 * parseInt(usage.stdout, 10) + 1536;
  const folders = [KUBE_BIN, CHANGES];
  if (shape === "bare") {
    // Twice the images, and the bundle as a file, since a container has no partitions.
    return cachedImage(base, "kube-bare", [CHANGES], fit, growMib * 2);
  }
  return shape === "ubuntu"
    ? cachedImage(base, "kubernetes", folders, install, growMib)
    : cachedImage(
        base,
        "kube-raspios",
        [...folders, RASPIOS],
        async (root) => {
          await shapeRaspios(root);
          await install(root);
        },
        growMib + RASPIOS_MIB,
      );
};

/** Flannel's manifest for the control plane's card. */
export const flannelManifest = (): Promise<string> =>
  readFile(join(KUBE_BIN, "kube-flannel.yml"), "utf8");

/** Ubuntu's, for whole images. */
export const kubernetesBase = async (): Promise<
  Vendor & { readonly base: Base; readonly image: string }
> => {
  const base = await baseImage("amd64");
  return {
    base,
    flannel: await flannelManifest(),
    image: await kubernetesImage(base, "ubuntu"),
  };
};
