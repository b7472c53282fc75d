// A node in a folder: what its card lays out, fake tools in place of the machine, and power that can be cut.
import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { inject, onTestFinished } from "vitest";
import { parse } from "yaml";
import type {
  ResolvedNode,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import { renderRoleSeed } from "../../src/seed/render-role-seed.ts";
import { renderSeed } from "../seed/render-seed.ts";
import type { Seed } from "../../src/seed/seed.ts";
import { seedInput } from "../seed/sample-project.ts";
import { withStaticShell } from "../support/static-shells.ts";
import { describeWithTools } from "../support/tools.ts";
import { lastingSecrets } from "./join-identities.ts";

/** Harmless programs of the machine that the scripts may use; everything else is a fake or is not there. */
const REAL_TOOLS = (
  "awk base64 basename bash cat chmod cp cut dd dirname env find flock grep gzip head install ln ls mkdir mktemp mv od openssl " +
  "paste printf readlink rm sed sh sha256sum shred sort stat tail tee touch tr truncate xargs"
).split(" ");

/** A group of tests that runs the node's scripts. */
export const describeNode = (title: string, body: () => void): void => {
  describeWithTools(["flock", "openssl", "shred"], title, body);
};

/** A base image that brings everything, so that no package is installed. */
export const COMPLETE = readdirSync(
  new URL("fakes/installable", import.meta.url),
);

export type Circumstances = {
  readonly project: ResolvedProject;
  readonly node: ResolvedNode;
  /** Commands that the base image has. */
  readonly installed?: readonly string[];
  /** What the calls of a fake do, one after the other; fakes/fake.sh explains. */
  readonly plans?: Readonly<Record<string, readonly string[]>>;
  /** What a fake prints when it fails as planned. */
  readonly says?: Readonly<Record<string, string>>;
  /** Shell commands that run at the n-th pause of the runner, in the node's folder. */
  readonly after?: Readonly<Record<number, string>>;
  /** Files of the fakes' own state, in place of the defaults. */
  readonly world?: Readonly<Record<string, string>>;
  /** Files of the node, in place of what the card has; undefined takes one away. */
  readonly files?: Readonly<Record<string, string | undefined>>;
  readonly manifests?: readonly {
    readonly name: string;
    readonly text: string;
  }[];
  /** The digest of the snapshot that the card begins with. */
  readonly restores?: string;
  /** The SHA-256 of the index of the bundle that the card carries. */
  readonly bundle?: string | undefined;
  /** The key of the Kubernetes packages is on the card. */
  readonly key?: boolean;
  /** The card holds the image of the node's role and no identity. */
  readonly roleImage?: boolean;
};

/** What apt knows: package, version, and the command that it brings. */
export const REPOSITORY = [
  "kubelet 1.36.6-1.1 kubelet",
  "kubelet 1.36.5-1.1 kubelet",
  "kubeadm 1.36.6-1.1 kubeadm",
  "kubeadm 1.36.5-1.1 kubeadm",
  "kubectl 1.36.6-1.1 kubectl",
  "kubectl 1.36.5-1.1 kubectl",
  "cri-tools 1.36.0-1.1 crictl",
  "kubernetes-cni 1.8.0-1.1 -",
  "containerd 2.2.1-0ubuntu1 containerd",
  "containerd.io 2.2.4-1 containerd",
  "cri-o 1.36.6-3.1 crio",
  "conntrack 1.4.8 conntrack",
  "socat 1.8.0 socat",
  "ethtool 6.7 ethtool",
  "iptables 1.8.10 iptables",
  "dnsmasq 2.90 dnsmasq",
  "nftables 1.0.9 nft",
  "nfs-kernel-server 2.6 exportfs",
  "htop 3.3.0 htop",
  "iw 5.19 iw",
].join("\n");

const KEYS = [
  "the key on the card DE15B14486CD377B9E876E1A234654DA9A296436",
  "https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key DE15B14486CD377B9E876E1A234654DA9A296436",
  "https://download.docker.com/linux/ubuntu/gpg 9DC858229FC7DD38854AE2D88D81803C0EBFCD88",
  "https://download.opensuse.org/repositories/isv:/cri-o:/stable:/v1.36/deb/Release.key 85B67D5C50100B1AC8CEFE49CBA9C85640A2B579",
].join("\n");

const PHASES = [
  "10-clock",
  "11-host",
  "20-network",
  "30-gateway",
  "35-export",
  "30-packages",
  "40-runtime",
  "45-images",
  "50-kubeadm",
  "55-scrub",
  "60-cni",
  "65-extras",
  "66-wifi",
] as const;

export type Phase = (typeof PHASES)[number];

/** Stamps of all phases but these: what is left to do on a node that was restarted just before. */
export const leftToDo = (
  ...left: readonly Phase[]
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    PHASES.filter((phase) => !left.includes(phase)).map((phase) => [
      `var/lib/pi-image/stamps/${phase}`,
      "boot-1\n",
    ]),
  );

/** 2026-11-20 07:00:00 UTC: an hour after the build of `seedInput`. */
const CLOCK = "1795158000";

const FSTAB =
  "LABEL=writable\t/\text4\tdefaults\t0\t1\nLABEL=system-boot\t/boot/firmware\tvfat\tdefaults\t0\t1\n";

const worldOf = (node: ResolvedNode): Readonly<Record<string, string>> => ({
  address: node.role === "worker" ? "192.168.1.61" : "192.168.1.50",
  calls: "",
  clock: CLOCK,
  containerd: "v2.2.1",
  dns: "",
  installed: "",
  kernel: "6.8.0-1040-raspi",
  keys: KEYS,
  kubernetes: "v1.36.5",
  mdns: "cplane.local 192.168.1.50",
  pauses: "0",
  ready: "True kubelet is posting ready status",
  repository: REPOSITORY,
  resolved: "",
  route: "default via 192.168.1.1 dev eth0",
  statuses: "",
  synchronised: "yes",
});

const SYSTEM: Readonly<Record<string, string>> = {
  "etc/fstab": FSTAB,
  "etc/os-release": 'ID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n',
  "proc/sys/kernel/random/boot_id": "boot-1",
  "proc/sys/net/ipv4/ip_forward": "1",
  "proc/uptime": "30.00 0.00",
  "run/cloud-init/result.json": "{}",
  "sys/class/net/eth0/carrier": "1",
  "sys/class/tty/console/active": "tty1",
  "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids",
  "dev/tty1": "",
};

/** Where cloud-init keeps copies of the seed: cloudinit/helpers.py, Paths. */
const cloudInitCopies = (instanceId: string, userData: string) => {
  const folder = `var/lib/cloud/instances/${instanceId}`;
  return {
    [`${folder}/user-data.txt`]: userData,
    [`${folder}/user-data.txt.i`]: userData,
    [`${folder}/cloud-config.txt`]: userData,
    [`${folder}/obj.pkl`]: userData,
    [`${folder}/scripts/runcmd`]: "#!/bin/sh\n",
    [`${folder}/sem/config_users_groups`]: "done\n",
    "run/cloud-init/instance-data-sensitive.json": userData,
  };
};

type WrittenFile = {
  readonly path: string;
  readonly permissions?: string;
  readonly content: string;
  readonly encoding?: string;
};

type Card = { readonly seed: Seed; readonly files: readonly WrittenFile[] };

const cards = new Map<string, Card>();

const roleCard = async ({ project, node }: Circumstances): Promise<Card> => {
  const { seed } = renderRoleSeed({
    ...(await seedInput(project, node)),
    role: node.role,
    base: node.base,
  });
  const [config] = parse(seed?.vendorData ?? "") as [{ content: string }];
  const { write_files: files } = parse(config.content) as {
    readonly write_files: readonly WrittenFile[];
  };
  if (seed === undefined) {
    throw new Error("no role seed");
  }
  return { seed, files };
};

/** The seed of a node and the files that cloud-init writes from it; rendered once for all tests that have the same node. */
const cardOf = async (is: Circumstances): Promise<Card> => {
  if (is.roleImage === true) {
    return roleCard(is);
  }
  const { project, node, manifests = [], key = true, restores, bundle } = is;
  const name = JSON.stringify({
    project,
    node,
    manifests,
    key,
    restores,
    bundle,
  });
  const known = cards.get(name);
  if (known !== undefined) {
    return known;
  }
  const { seed, problems } = renderSeed({
    ...(await seedInput(project, node)),
    secrets: await lastingSecrets(),
    manifests,
    restores,
    bundle: bundle === undefined ? undefined : { index: bundle },
    kubernetesKey: key ? "the key on the card" : undefined,
  });
  if (seed === undefined) {
    throw new Error(JSON.stringify(problems));
  }
  const { write_files: files } = parse(seed.userData) as {
    readonly write_files: readonly WrittenFile[];
  };
  cards.set(name, { seed, files });
  return { seed, files };
};

/** Lays the card's files into a new folder, as cloud-init does, and returns the folder, which is gone after the test. */
export const layNode = async (is: Circumstances): Promise<string> => {
  const root = mkdtempSync(join(tmpdir(), "pi-image-node-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const put = (path: string, content: string | Uint8Array, mode = 0o644) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(
      join(root, path),
      typeof content === "string" ? withStaticShell(content) : content,
    );
    chmodSync(join(root, path), mode);
  };
  const { seed, files } = await cardOf(is);
  for (const file of files) {
    put(
      file.path.slice(1),
      file.encoding === "gz+b64"
        ? gunzipSync(Buffer.from(file.content, "base64")).toString()
        : file.content,
      Number.parseInt(file.permissions ?? "0644", 8),
    );
  }
  const system = {
    ...SYSTEM,
    "boot/firmware/user-data": seed.userData,
    "boot/firmware/meta-data": seed.metaData,
    "boot/firmware/network-config": seed.networkConfig,
    "etc/netplan/50-cloud-init.yaml": seed.networkConfig,
    ...cloudInitCopies(seed.instanceId, seed.userData),
    ...is.files,
  };
  for (const [path, content] of Object.entries(system)) {
    if (content !== undefined) {
      put(path, content);
    }
  }
  for (const [name, content] of Object.entries({
    ...worldOf(is.node),
    ...is.world,
  })) {
    put(`world/${name}`, content === "" ? "" : `${content}\n`);
  }
  for (const [name, actions] of Object.entries(is.plans ?? {})) {
    put(`world/plans/${name}`, actions.map((action) => `${action}\n`).join(""));
  }
  if (Object.values(is.plans ?? {}).some((plan) => plan.includes("hang"))) {
    put("world/limits", "");
  }
  for (const [name, text] of Object.entries(is.says ?? {})) {
    put(`world/says/${name}`, text.endsWith("\n") ? text : `${text}\n`);
  }
  for (const [pause, commands] of Object.entries(is.after ?? {})) {
    put(`world/after/${pause}`, `cd "$root" && { ${commands}\n}\n`);
  }
  for (const [path, content] of Object.entries(is.files ?? {})) {
    if (content === undefined) {
      rmSync(join(root, path), { force: true });
    }
  }
  mkdirSync(join(root, "bin"));
  mkdirSync(join(root, "real"));
  const fakes = inject("fakes");
  for (const tool of readdirSync(join(fakes, "base"))) {
    symlinkSync(join(fakes, "base", tool), join(root, "bin", tool));
  }
  for (const tool of is.installed ?? COMPLETE) {
    symlinkSync(join(fakes, "installable", tool), join(root, "bin", tool));
    put("opt/cni/bin/loopback", "", 0o755);
  }
  for (const tool of REAL_TOOLS) {
    const found = ["/usr/bin", "/bin"].find((it) => existsSync(join(it, tool)));
    symlinkSync(join(found ?? "/missing", tool), join(root, "real", tool));
  }
  return root;
};

/** Runs a program of the node until it ends or its power is cut. */
export const runOnNode = (
  root: string,
  program: string,
): Promise<{ readonly code: number | null; readonly output: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(join(root, program), [], {
      // Its own process group, which fakes/fake.sh kills as a whole.
      detached: true,
      env: {
        PATH: `${root}/bin:${root}/real`,
        FAKES: inject("fakes"),
        PI_IMAGE_ROOT: root,
        TZ: "UTC",
        // As the runner sets it; it runs no phase under the name of another.
        ...(program.includes("/phases/")
          ? { PI_IMAGE_PHASE: program.replace(/.*\/\d+-/, "") }
          : {}),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const gather = (data: Buffer) => {
      output += data.toString();
    };
    child.stdout.on("data", gather);
    child.stderr.on("data", gather);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });

/** Switches the node on: `code` is null when its power was cut. */
export const powerOn = (root: string) =>
  runOnNode(root, "usr/local/lib/pi-image/node");

/** What the power takes with it; call it before the node is switched on again. */
export const restart = (root: string): void => {
  const boot = join(root, "proc/sys/kernel/random/boot_id");
  writeFileSync(boot, `${readFileSync(boot, "utf8").trim()}+\n`);
  writeFileSync(join(root, "proc/uptime"), "30.00 0.00\n");
  rmSync(join(root, "run/pi-image"), { recursive: true, force: true });
  rmSync(join(root, "run/pi-image-status.json"), { force: true });
};

const lines = (root: string, path: string): readonly string[] =>
  readFileSync(join(root, path), "utf8")
    .split(/\r?\n|\r/)
    .filter((line) => line !== "");

/** What stood on the screen, without the prefix that every line has. */
export const screen = (root: string): readonly string[] =>
  lines(root, "dev/tty1").map((line) =>
    line.replace(/^\[pi-image\] [a-z0-9]+ /, ""),
  );

/** Calls of fake tools, in order. */
export const calls = (root: string, tool: string): readonly string[] =>
  lines(root, "world/calls").filter(
    (line) => line === tool || line.startsWith(`${tool} `),
  );

export type Status = Readonly<Record<string, unknown>>;

export const status = (root: string): Status =>
  JSON.parse(
    readFileSync(join(root, "var/lib/pi-image/status.json"), "utf8"),
  ) as Status;

/** The statuses at each pause of the runner. */
export const statuses = (root: string): readonly Status[] =>
  lines(root, "world/statuses").map((line) => JSON.parse(line) as Status);

export const isDone = (root: string): boolean =>
  existsSync(join(root, "var/lib/pi-image/done"));
