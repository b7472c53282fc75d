// Container images of the card's bundle, imported by a real containerd.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { sampleCluster, sampleProject } from "../../seed/sample-project.ts";
import { describeAsRoot } from "../../support/tools.ts";
import {
  calls,
  COMPLETE,
  powerOn,
  restart,
  type Circumstances,
} from "../fake-node.ts";
import { runToEnd, saidBy } from "../phase.ts";
import { layWithBundle, PARTITION } from "./bundle-node.ts";
import {
  asPartition,
  type Bundle,
  flipped,
  makeBundle,
} from "./make-bundle.ts";

const KUBERNETES = [
  "registry.k8s.io/kube-apiserver:v1.36.5",
  "registry.k8s.io/kube-proxy:v1.36.5",
  "registry.k8s.io/coredns/coredns:v1.14.2",
  "registry.k8s.io/pause:3.10.2",
  "registry.k8s.io/etcd:3.6.8-1",
];
const PINNED = "io.cri-containerd.pinned=pinned";

/** What kubeadm prints, whatever the bundle has. */
const KUBEADM = `case "$*" in
  "config images list --kubernetes-version v1.36.5") cat "$world/images" ;;
  *) exec "$FAKES/installable/kubeadm" "$@" ;;
esac
`;

const bundle = await makeBundle({
  images: [...KUBERNETES, "ghcr.io/flannel-io/flannel:v0.28.9"],
});

const running = async (root: string): Promise<ChildProcess> => {
  const child = spawn(
    "containerd",
    [
      `--root=${join(root, "containerd/root")}`,
      `--state=${join(root, "containerd/state")}`,
      `--address=${join(root, "containerd.sock")}`,
      `--config=${join(root, "containerd.toml")}`,
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const ended = new Promise((resolve) => {
    child.once("exit", resolve);
  });
  onTestFinished(async () => {
    child.kill();
    await ended;
  });
  await new Promise<void>((resolve, reject) => {
    let said = "";
    child.stderr?.on("data", (data: Buffer) => {
      said += data.toString();
      if (said.includes("successfully booted")) {
        resolve();
      }
    });
    child.once("exit", () => reject(new Error(said)));
  });
  return child;
};

/** The programs find containerd below the node's folder, without an overlay of file systems. */
const withContainerd = async (
  of: Bundle,
  is: Partial<Circumstances> = {},
): Promise<string> => {
  const root = await layWithBundle(
    of,
    ["45-images"],
    {
      installed: COMPLETE,
      ...is,
      world: { images: KUBERNETES.join("\n"), ...is.world },
    },
    {
      kubeadm: KUBEADM,
      ctr: `case "$*" in *import*) plan ctr-import ;; esac
CONTAINERD_ADDRESS="$root/containerd.sock" CONTAINERD_SNAPSHOTTER=native /usr/bin/ctr "$@"\n`,
    },
  );
  mkdirSync(join(root, "containerd"));
  writeFileSync(
    join(root, "containerd.toml"),
    'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.devmapper"]\n',
  );
  await running(root);
  return root;
};

/** Names with digests and labels of what the runtime has. */
const has = (root: string): readonly string[] =>
  execFileSync(
    "ctr",
    [
      `--address=${join(root, "containerd.sock")}`,
      "--namespace=k8s.io",
      "images",
      "list",
    ],
    { encoding: "utf8", stdio: "pipe" },
  )
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(/ +/))
    .map(
      (words) =>
        `${words[0]} ${words[2]} ${words.some((word) => word.includes(PINNED)) ? "pinned" : "loose"}`,
    )
    .toSorted();

const ALL = bundle.images
  .map(({ reference, digest }) => `${reference} ${digest} pinned`)
  .toSorted();
const COMPARING = "Comparing the container images with the bundle's index.";
const IMPORTING = "Importing 6 container images from the bundle.";

describeAsRoot(
  ["containerd", "ctr", "dpkg", "flock", "openssl"],
  "images of a bundle",
  () => {
    it("are the runtime's, as the bundle has them, and are never collected", async () => {
      const root = await withContainerd(bundle);
      await runToEnd(root);
      expect(saidBy("images", root)).toEqual([COMPARING, IMPORTING, "done"]);
      expect(has(root)).toEqual(ALL);
    });

    it("are imported once", async () => {
      const root = await withContainerd(bundle, {
        plans: { "ctr-import": ["ok", "fail", "always"] },
      });
      await runToEnd(root);
      execFileSync(
        "rm",
        [
          join(root, "var/lib/pi-image/stamps/45-images"),
          join(root, "var/lib/pi-image/done"),
        ],
        { stdio: "pipe" },
      );
      await runToEnd(root);
      expect(has(root)).toEqual(ALL);
    });

    it("are all there after power cuts", async () => {
      const root = await withContainerd(bundle, {
        plans: { "ctr-import": ["cut", "cut-after"] },
      });
      for (const _cut of [1, 2]) {
        expect((await powerOn(root)).code).toBeNull();
        restart(root);
      }
      await runToEnd(root);
      expect(has(root)).toEqual(ALL);
    });

    it("are not imported while one bit of them is wrong", async () => {
      const root = await withContainerd(bundle, {
        after: { 2: `cp world/whole ${PARTITION}` },
      });
      writeFileSync(join(root, "world/whole"), asPartition(bundle));
      const layer = bundle.images[0]?.digest.slice("sha256:".length) ?? "";
      writeFileSync(
        join(root, PARTITION),
        // In the archive of the images, and not the one in the index.
        Buffer.concat([
          asPartition(bundle).subarray(0, 4096),
          flipped(
            asPartition(bundle).subarray(4096),
            Buffer.from(`blobs/sha256/${layer}`),
          ),
        ]),
      );
      await runToEnd(root);
      expect(saidBy("images", root)).toEqual([
        COMPARING,
        "The bundle on /dev/mmcblk0p3 is damaged: images.tar is not as its index says. This node reads it again; flash this card again when that does not help.",
        IMPORTING,
        "done",
      ]);
      expect(has(root)).toEqual(ALL);
    });

    it("are compared with those that kubeadm needs, before anything is imported", async () => {
      const root = await withContainerd(bundle, {
        world: {
          images: [...KUBERNETES, "registry.k8s.io/etcd:3.7.0-0"].join("\n"),
          good: KUBERNETES.join("\n"),
        },
        after: { 1: "cp world/good world/images" },
      });
      await runToEnd(root);
      expect(saidBy("images", root)[0]).toBe(
        "The bundle has no registry.k8s.io/etcd:3.7.0-0, which kubeadm v1.36.5 needs; it was made for Kubernetes 1.36.5. Build the cards of this cluster again.",
      );
    });

    it("have the names of the registry that the inventory puts in place of Kubernetes' own", async () => {
      const mirror = "registry.home.arpa:5000/k8s";
      const mirrored = await makeBundle({
        images: KUBERNETES.map((name) =>
          name.replace("registry.k8s.io", mirror),
        ),
      });
      const root = await withContainerd(mirrored, {
        project: {
          ...sampleProject,
          cluster: {
            ...sampleCluster,
            mirrors: { ...sampleCluster.mirrors, kubernetesImages: mirror },
          },
        },
      });
      await runToEnd(root);
      expect(has(root)).toHaveLength(KUBERNETES.length);
    });

    it("say what the runtime said where it does not take them", async () => {
      const root = await withContainerd(bundle, {
        plans: { "ctr-import": ["fail"] },
        says: {
          "ctr-import":
            'ctr: failed to copy: write "/var/lib/containerd/x": no space left on device',
        },
      });
      await runToEnd(root);
      expect(saidBy("images", root)).toContain(
        "The container images are not imported: the root partition is full; free space on it or use a larger card.",
      );
    });

    it("are nothing for a node without a bundle", async () => {
      const root = await withContainerd(bundle, { bundle: undefined });
      await runToEnd(root);
      expect(saidBy("images", root)).toEqual([]);
      expect(calls(root, "ctr")).toEqual([]);
      expect(
        existsSync(join(root, "usr/local/lib/pi-image/phases/45-images")),
      ).toBe(false);
    });
  },
);
