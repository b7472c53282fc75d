// A cluster whose nodes are folders, for the very scripts that take nodes out of it and restart them.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadClusterSecrets } from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import { runCli } from "../support/run-cli.ts";
import {
  clusterFolder,
  emptyFolder,
  INVENTORY,
  loadHomelab,
} from "./cluster-folder.ts";

const FAKES = fileURLToPath(new URL("members", import.meta.url));

export const VIRTUAL = INVENTORY.replace(
  "name: homelab",
  "name: homelab\n  virtualAddress: 192.168.77.40",
);

/** Three control planes with a virtual address, and two workers. */
export const THREE_PLANES = VIRTUAL.replace(
  "  - {name: worker1",
  "  # both in the cellar\n  - {name: cplane2, role: control-plane, address: 192.168.77.60/24}\n  - {name: cplane3, role: control-plane, address: 192.168.77.61/24}\n  - {name: worker1",
);

/** What its nodes have, of Kubernetes. */
const RUNS = "1.36.5";

const packagesOf = (minor: string): string =>
  `https://pkgs.k8s.io/core:/stable:/v${minor}/deb/`;

/** Making keys takes longer than most of these tests. */
const madeSecrets = new Map<string, string>();

const lastingFolder = async (inventory: string) => {
  const made = madeSecrets.get(inventory);
  if (made === undefined) {
    const { folder, secretsFile, project } = await clusterFolder(
      new Date(),
      inventory,
    );
    madeSecrets.set(inventory, readFileSync(secretsFile, "utf8"));
    return { folder, secretsFile, project };
  }
  const folder = emptyFolder();
  writeFileSync(join(folder, "cluster.yaml"), inventory);
  const secretsFile = join(folder, "homelab.secrets.yaml");
  writeFileSync(secretsFile, made, { mode: 0o600 });
  return { folder, secretsFile, project: await loadHomelab(folder) };
};

export const membersLab = async (inventory = THREE_PLANES) => {
  const cluster = await lastingFolder(inventory);
  const { folder, secretsFile, project } = cluster;
  const lab = join(folder, "lab");
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(lab, path)), { recursive: true });
    writeFileSync(join(lab, path), text);
  };
  const read = (path: string): string =>
    existsSync(join(lab, path)) ? readFileSync(join(lab, path), "utf8") : "";
  const members: string[] = [];
  for (const [
    index,
    { name, role, joins, network },
  ] of project.nodes.entries()) {
    put(`nodes/${name}/proc/sys/kernel/random/boot_id`, `boot-1-${name}\n`);
    put(`nodes/${name}/proc/sys/kernel/osrelease`, "6.8.0-1020-raspi\n");
    put(`nodes/${name}/var/lib/pi-image/done`, "");
    if (!joins) {
      continue;
    }
    put(`nodes/${name}/etc/kubernetes/kubelet.conf`, "its key\n");
    put(`cluster/${name}/ready`, "True\n");
    put(`cluster/${name}/boot`, `boot-1-${name}\n`);
    put(`cluster/${name}/pods`, "");
    put(`cluster/${name}/version`, `${RUNS}\n`);
    put(
      `nodes/${name}/etc/apt/sources.list.d/kubernetes.sources`,
      `Types: deb\nURIs: ${packagesOf("1.36")}\nSuites: /\n`,
    );
    put(`nodes/${name}/etc/apt/keyrings/kubernetes.asc`, "key\n");
    put(
      `nodes/${name}/etc/pi-image/node.env`,
      `PI_IMAGE_RUNTIME='containerd'\nPI_IMAGE_KUBERNETES_MINOR='1.36'\nPI_IMAGE_KUBERNETES_PATCH='${RUNS}'\nPI_IMAGE_KUBERNETES_PACKAGES='${packagesOf("1.36")}'\n`,
    );
    for (const tool of ["kubeadm", "kubelet", "kubectl"]) {
      put(`nodes/${name}/installed/${tool}`, `${RUNS}\n`);
    }
    if (role === "control-plane" && network.addressing.method === "static") {
      const [address = ""] = network.addressing.addresses[0].split("/");
      members.push(`${name} 10${index} ${address}\n`);
      const kubernetes = `nodes/${name}/etc/kubernetes`;
      put(`${kubernetes}/admin.conf`, "");
      put(`${kubernetes}/pki/ca.key`, "an authority's key\n");
      put(`nodes/${name}/var/lib/etcd/member/snap/db`, "state\n");
      put(
        `${kubernetes}/manifests/kube-apiserver.yaml`,
        `    - --secure-port=6443\n    image: registry.k8s.io/kube-apiserver:v${RUNS}\n`,
      );
      put(
        `${kubernetes}/manifests/etcd.yaml`,
        `    - --listen-client-urls=https://127.0.0.1:2379,https://${address}:2379\n`,
      );
    }
  }
  put("etcd", members.join(""));
  put("cluster-version", `${RUNS}\n`);
  for (const version of ["1.36.5", "1.37.1"]) {
    put(
      `repository/${version.replace(/\.\d+$/, "")}`,
      ["kubeadm", "kubelet", "kubectl"]
        .map((tool) => `${tool} ${version}-1.1\n`)
        .join(""),
    );
  }
  put("calls", "");
  mkdirSync(join(lab, "off"));
  mkdirSync(join(lab, "boots"));
  const env = {
    PATH: `${FAKES}:${process.env["PATH"] ?? ""}`,
    LAB: lab,
    FAKES,
  };
  return {
    ...cluster,
    lab,
    put,
    read,
    inventory: () => readFileSync(join(folder, "cluster.yaml"), "utf8"),
    exists: (path: string) => existsSync(join(lab, path)),
    /** What changed something, `NODE: WORDS` a line. */
    calls: () => read("calls"),
    nodes: () => readdirSync(join(lab, "cluster")),
    members: () => read("etcd"),
    kept: async () => (await loadClusterSecrets(secretsFile, {}))?.secrets,
    /** No power, and the cluster has noticed it. */
    switchOff: (name: string) => {
      put(`off/${name}`, "");
      put(`cluster/${name}/ready`, "Unknown\n");
    },
    /** A newer kernel is installed. */
    upgrade: (name: string) => {
      put(`nodes/${name}/lib/modules/6.8.0-1101-raspi/modules.dep`, "");
    },
    remove: (path: string) => {
      rmSync(join(lab, path), { recursive: true, force: true });
    },
    env,
    pi: (...words: readonly string[]) => runCli(words, { cwd: folder, env }),
  };
};
