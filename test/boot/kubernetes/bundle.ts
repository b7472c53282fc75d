// A bundle of the real Kubernetes that a run is given: its programs as packages, its images as one archive, and the lockfile that has it.
import { createHash } from "node:crypto";
import { createReadStream, readdirSync } from "node:fs";
import { copyFile, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  type BundleIndex,
  indexDigest,
  renderIndex,
} from "../../../src/bundle/bundle-index.ts";
import type { LockedBundle } from "../../../src/bundle/locked-bundle.ts";
import { parseImageName } from "../../../src/bundle/oci/parse-image-name.ts";
import { tarBytes, tarPieces } from "../../../src/bundle/tar-members.ts";
import {
  type BundlePart,
  partOfFile,
  partOfText,
  writeBundle,
} from "../../../src/bundle/write-bundle.ts";
import { kubernetesImages } from "../../../src/kubernetes/kubernetes-images.ts";
import { manifestImages } from "../../../src/supplies/manifest-images.ts";
import { runTool } from "../../../src/system/run/run-tool.ts";
import { KUBE_BIN, flannelManifest } from "./binaries.ts";

/** Of the machine that runs the containers. */
const ARCH = "amd64";
const REVISION = "1.1";

export const BUSYBOX = "docker.io/library/busybox:1";

/** Such as "1.36.2". */
export const givenVersion = async (): Promise<string> => {
  const { stdout } = await runTool(join(KUBE_BIN, "kubeadm"), [
    "version",
    "--output=short",
  ]);
  return stdout.trim().replace(/^v/, "");
};

const sha256Of = async (path: string): Promise<string> => {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(piece);
  }
  return hash.digest("hex");
};

type Deb = {
  readonly name: string;
  readonly version: string;
  /** Paths in it -> what is copied there. */
  readonly files: ReadonlyMap<string, string>;
};

const makeDeb = async (
  folder: string,
  { name, version, files }: Deb,
): Promise<string> => {
  const tree = join(folder, name);
  await mkdir(join(tree, "DEBIAN"), { recursive: true });
  await writeFile(
    join(tree, "DEBIAN/control"),
    `Package: ${name}\nVersion: ${version}\nArchitecture: ${ARCH}\nMaintainer: Test <test@example.com>\nDescription: made by a test\n`,
  );
  for (const [path, from] of files) {
    await mkdir(join(tree, path, ".."), { recursive: true });
    await copyFile(from, join(tree, path));
  }
  const deb = `${tree}_${version}_${ARCH}.deb`;
  // The fastest packing: nothing is sent anywhere.
  await runTool("dpkg-deb", [
    "--root-owner-group",
    "-Zgzip",
    "-z1",
    "--build",
    tree,
    deb,
  ]);
  return deb;
};

const debsOf = (patch: string): readonly Deb[] => {
  const program = (name: string, file = name) => ({
    name,
    version: `${patch}-${REVISION}`,
    files: new Map([[`usr/bin/${file}`, join(KUBE_BIN, file)]]),
  });
  const cni = join(KUBE_BIN, "cni");
  return [
    program("cri-tools", "crictl"),
    program("kubeadm"),
    program("kubectl"),
    program("kubelet"),
    {
      name: "kubernetes-cni",
      version: `1.9.1-${REVISION}`,
      files: new Map(
        readdirSync(cni).map((name) => [
          `opt/cni/bin/${name}`,
          join(cni, name),
        ]),
      ),
    },
  ];
};

type Descriptor = {
  digest: string;
  annotations?: Record<string, string>;
};

/** Every archive of the folder in one OCI layout, whose index names them as containerd does. */
const layout = async (
  folder: string,
): Promise<readonly { readonly name: string; readonly digest: string }[]> => {
  const images = join(KUBE_BIN, "images");
  for (const file of readdirSync(images)) {
    const path = join(images, file);
    const { stdout } = await runTool("tar", ["-xOf", path, "manifest.json"]);
    const [{ RepoTags: [name = ""] = [] } = {}] = JSON.parse(stdout) as {
      RepoTags?: string[];
    }[];
    await runTool("skopeo", [
      "copy",
      "--quiet",
      "--insecure-policy",
      `docker-archive:${path}`,
      `oci:${folder}:${name}`,
    ]);
  }
  const place = join(folder, "index.json");
  const index = JSON.parse(await readFile(place, "utf8")) as {
    manifests: Descriptor[];
  };
  for (const { annotations } of index.manifests) {
    if (annotations !== undefined) {
      annotations["io.containerd.image.name"] =
        annotations["org.opencontainers.image.ref.name"] ?? "";
    }
  }
  await writeFile(place, JSON.stringify(index));
  return index.manifests
    .map(({ digest, annotations }) => ({
      name: annotations?.["io.containerd.image.name"] ?? "",
      digest,
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
};

const imagesPart = async (folder: string): Promise<BundlePart> => {
  const members = [];
  for (const name of readdirSync(folder, {
    recursive: true,
    encoding: "utf8",
  })) {
    const path = join(folder, name);
    const facts = await stat(path);
    if (facts.isFile()) {
      members.push({
        name,
        bytes: facts.size,
        pieces: () => createReadStream(path) as AsyncIterable<Uint8Array>,
      });
    }
  }
  const sorted = members.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const hash = createHash("sha256");
  for await (const piece of tarPieces(sorted)) {
    hash.update(piece);
  }
  return {
    path: "images.tar",
    bytes: tarBytes(sorted),
    sha256: hash.digest("hex"),
    pieces: () => tarPieces(sorted),
  };
};

const fullName = (image: string): string => {
  const name = parseImageName(image);
  if ("why" in name) {
    throw new Error(`${image} ${name.why}`);
  }
  return name.full;
};

/** What `build` would ask for of these nodes: packages and images, each sorted. */
const wishes = async (patch: string) => ({
  packages: [
    ...new Set([
      ...debsOf(patch).map(({ name }) => name),
      "conntrack",
      "containerd",
      "ethtool",
      "iptables",
      "socat",
    ]),
  ].toSorted(),
  images: [
    ...new Set(
      [
        ...kubernetesImages(patch, undefined),
        ...manifestImages(await flannelManifest()).map(({ image }) => image),
        BUSYBOX,
      ].map(fullName),
    ),
  ].toSorted(),
});

/**
 * Writes `bundle.tar` and `cluster.lock.json` into the folder, as if an earlier build had fetched the bundle for this base.
 *
 * @returns the path of the bundle
 */
export const writeKubernetesBundle = async (
  folder: string,
  image: string,
): Promise<string> => {
  const kubernetes = await givenVersion();
  const system = "ubuntu-24.04";
  const debs = join(folder, "debs");
  const packages: LockedBundle["packages"] = [];
  const parts: BundlePart[] = [];
  for (const deb of debsOf(kubernetes)) {
    const path = await makeDeb(debs, deb);
    const [bytes, sha256] = [(await stat(path)).size, await sha256Of(path)];
    parts.push(
      partOfFile({ path: `debs/${basename(path)}`, bytes, sha256 }, path),
    );
    packages.push({
      name: deb.name,
      version: deb.version,
      archive: "kubernetes",
      path: basename(path),
      bytes,
      sha256,
      fields: {
        Package: deb.name,
        Architecture: ARCH,
        Version: deb.version,
      },
    });
  }
  const list = partOfText(
    "Packages",
    packages
      .map(
        ({ name, version, fields, bytes, sha256 }) =>
          `${Object.entries(fields)
            .map(([field, value]) => `${field}: ${value}\n`)
            .join(
              "",
            )}Filename: debs/${name}_${version}_${ARCH}.deb\nSize: ${bytes}\nSHA256: ${sha256}\n`,
      )
      .join("\n"),
  );
  const images = await layout(join(folder, "layout"));
  const all = [list, ...parts, await imagesPart(join(folder, "layout"))];
  const index: BundleIndex = {
    kubernetes,
    system,
    files: all.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })),
    images,
  };
  const bundle = join(folder, "bundle.tar");
  const sha256 = await writeBundle(bundle, renderIndex(index), all, {
    signal: new AbortController().signal,
    progress: () => undefined,
  });
  const wanted = await wishes(kubernetes);
  const names = images.map(({ name }) => name);
  for (const name of wanted.images) {
    if (!names.includes(name)) {
      throw new Error(`${KUBE_BIN}/images has no ${name}`);
    }
  }
  const locked: LockedBundle = {
    base: basename(image),
    baseSha256: await sha256Of(image),
    system,
    kubernetes,
    wanted: wanted.packages,
    lists: [],
    packages,
    images: [...images],
    index: indexDigest(index),
    sha256,
  };
  await writeFile(
    join(folder, "cluster.lock.json"),
    JSON.stringify({
      schema: 1,
      kubernetes: {
        minor: kubernetes.replace(/\.\d+$/, ""),
        patch: kubernetes,
      },
      bases: [],
      manifests: [],
      keys: [],
      bundles: [locked],
    }),
  );
  return bundle;
};

/** Asks for the image that the tests' pods are made of. */
export const writeBusyboxAddon = async (folder: string): Promise<void> => {
  await writeFile(
    join(folder, "busybox.yaml"),
    `apiVersion: apps/v1
kind: DaemonSet
metadata: { name: idle, namespace: default }
spec:
  selector: { matchLabels: { app: idle } }
  template:
    metadata: { labels: { app: idle } }
    spec:
      tolerations: [{ operator: Exists }]
      terminationGracePeriodSeconds: 0
      containers:
        - name: idle
          image: ${BUSYBOX}
          imagePullPolicy: IfNotPresent
          command: [sleep, "1000000"]
`,
  );
};
