// A real control plane in namespaces of its own, made by a real kubeadm from the card of a seed; no container is started.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import type {
  ResolvedNode,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { renderSeed } from "../seed/render-seed.ts";
import {
  runTool,
  tryTool,
  type ToolResult,
} from "../../src/system/run/run-tool.ts";
import { packageLibrary } from "../seed/sample-project.ts";
import { describeAsRoot } from "../support/tools.ts";
import { nodeOf } from "./project.ts";

const BIN = process.env["PI_IMAGE_KUBE_BIN"] ?? "";

const NEEDED = [
  "etcdctl",
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubeadm",
  "kubectl",
  "kubelet",
];

/** Skipped by name without these programs in the folder PI_IMAGE_KUBE_BIN. */
export const describeWithControlPlane = (
  title: string,
  body: () => void,
): void => {
  const missing = NEEDED.filter((name) => !existsSync(join(BIN, name)));
  if (BIN === "" || missing.length > 0) {
    describe.skip(
      `${title} (needs PI_IMAGE_KUBE_BIN with ${missing.join(", ")})`,
      body,
    );
    return;
  }
  describeAsRoot(["unshare", "nsenter", "ip", "curl"], title, body);
};

/** What is written stays in memory and in the namespace, below /etc/kubernetes, /var/lib and /var/log. */
const SET_UP = `
  set -e
  mount --make-rprivate /
  mount -t tmpfs tmpfs "$1/over"
  mkdir "$1/over/etc" "$1/over/work"
  mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/over/etc,workdir=$1/over/work" /etc
  for folder in lib log; do mount -t tmpfs tmpfs "/var/$folder"; done
  mount -t tmpfs tmpfs /run
  cp -R "$1/card/." /
  ip link set lo up
  ip link add lan type dummy 2>/dev/null || ip link add lan type veth peer name far
  ip link set far up 2>/dev/null || true
  sysctl -qw net.ipv6.conf.lan.accept_dad=0
  ip link set lan up
  shift
  for address; do
    ip addr add "$address" dev lan
    echo "$(cut -d / -f 1 <<<"$address") cplane" >>/etc/hosts
  done
  ip route add default via 192.168.1.1 2>/dev/null || ip -6 route add default via fe80::1 dev lan
  echo ready
  sleep 3600 &
  wait
`;

const LAY_PKI = `
  set -eu
  root= state=/var/lib/pi-image scratch=/run
  . "$1/kubeadm.sh"
  lay_pki
`;

const SCRIPTS = fileURLToPath(
  new URL("../../cloud-init/files/usr/local/lib/pi-image", import.meta.url),
);

const userData = z.object({
  write_files: z.array(z.object({ path: z.string(), content: z.string() })),
});

const pod = z.object({
  spec: z.object({
    containers: z.array(z.object({ command: z.array(z.string()) })),
  }),
});

/** Of etcd 3.6 only, and none decides who may read what. */
const NEWER_ETCD = /^--(feature-gates|watch-progress-notify-interval)=/;

export type ControlPlane = {
  /** Runs a program inside, whatever its end. */
  readonly run: (
    program: string,
    ...args: readonly string[]
  ) => Promise<ToolResult>;
  /** The same; throws unless it ends with 0. */
  readonly demand: (
    program: string,
    ...args: readonly string[]
  ) => Promise<ToolResult>;
  /** kubectl as the one who needs no role. */
  readonly kubectl: (...args: readonly string[]) => Promise<ToolResult>;
  /** The status and the body of a GET, such as with `--cert FILE --key FILE`. */
  readonly get: (
    path: string,
    ...options: readonly string[]
  ) => Promise<{ readonly status: number; readonly body: string }>;
  /** The words before a program and its arguments that is to run inside. */
  readonly enter: readonly string[];
  /** Writes a file inside, for root only. */
  readonly write: (path: string, text: string) => Promise<void>;
  /** Starts a component as its static pod would. */
  readonly start: (component: string) => Promise<void>;
  /** Until it ends with 0; fails after a minute. */
  readonly until: (
    program: string,
    ...args: readonly string[]
  ) => Promise<void>;
  readonly stop: () => void;
};

const layCard = async (
  folder: string,
  project: ResolvedProject,
  secrets: ClusterSecrets,
): Promise<void> => {
  const { seed, problems } = renderSeed({
    project,
    node: nodeOf(project, "cplane"),
    secrets,
    library: await packageLibrary(),
    buildTime: new Date(),
    version: "test",
  });
  if (seed === undefined) {
    throw new Error(JSON.stringify(problems));
  }
  mkdirSync(join(folder, "over"));
  for (const file of userData.parse(parse(seed.userData)).write_files) {
    if (/^\/(etc\/pi-image|var\/lib\/pi-image\/seed)\//.test(file.path)) {
      const path = join(folder, "card", file.path);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, file.content, { mode: 0o600 });
    }
  }
};

const addressesOf = ({
  network: { addressing },
}: ResolvedNode): readonly string[] =>
  addressing.method === "static" ? addressing.addresses : [];

/**
 * The first control plane as its card and kubeadm make it, with etcd and the API server running. `folder` is a fresh one;
 * the components' logs end up in it.
 */
export const startControlPlane = async (
  folder: string,
  project: ResolvedProject,
  secrets: ClusterSecrets,
): Promise<ControlPlane> => {
  await layCard(folder, project, secrets);
  const holder = spawn(
    "unshare",
    ["--mount", "--net", "--pid", "--fork", "--kill-child"].concat(
      "bash",
      "-c",
      SET_UP,
      "bash",
      folder,
      ...addressesOf(nodeOf(project, "cplane")),
    ),
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let ready = false;
  for await (const line of createInterface({ input: holder.stdout })) {
    ready = line === "ready";
    break;
  }
  if (!ready) {
    throw new Error("the namespaces cannot be set up");
  }
  const child = (
    await runTool("pgrep", ["-P", String(holder.pid)])
  ).stdout.trim();
  const inside = [
    `--target=${child}`,
    "--mount",
    "--net",
    "--pid",
    "--",
    "env",
    `PATH=${BIN}:${process.env["PATH"] ?? ""}`,
  ];
  const run: ControlPlane["run"] = (program, ...args) =>
    tryTool("nsenter", [...inside, program, ...args]);
  const demand: ControlPlane["run"] = async (program, ...args) => {
    const result = await run(program, ...args);
    if (result.status !== 0) {
      throw new Error(`${program} ${args.join(" ")}: ${result.stderr}`);
    }
    return result;
  };
  const kubectl: ControlPlane["kubectl"] = (...args) =>
    run("kubectl", "--kubeconfig=/etc/kubernetes/super-admin.conf", ...args);
  const plane: ControlPlane = {
    enter: ["nsenter", ...inside],
    run,
    demand,
    kubectl,
    get: async (path, ...options) => {
      const { stdout, stderr } = await run(
        "curl",
        "--silent",
        "--show-error",
        "--cacert",
        "/etc/kubernetes/pki/ca.crt",
        "--write-out",
        "\n%{http_code}",
        ...options,
        `https://cplane:6443${path}`,
      );
      const [, body = stderr, status = "0"] =
        /^([^]*)\n(\d+)$/.exec(stdout) ?? [];
      return { status: Number(status), body };
    },
    write: async (path, text) => {
      await demand(
        "bash",
        "-c",
        'umask 077; mkdir -p "${1%/*}"; printf %s "$2" >"$1.new"; mv "$1.new" "$1"',
        "bash",
        path,
        text,
      );
    },
    start: async (component) => {
      const { stdout } = await demand(
        "cat",
        `/etc/kubernetes/manifests/${component}.yaml`,
      );
      const command = pod.parse(parse(stdout)).spec.containers[0]?.command;
      const log = openSync(join(folder, `${component}.log`), "a");
      spawn(
        "nsenter",
        [
          ...inside,
          "bash",
          "-c",
          'mkdir -p /run/static-pods; echo $$ >"/run/static-pods/$0"; exec "$@"',
          component,
          ...(command ?? []).filter((word) => !NEWER_ETCD.test(word)),
        ],
        { stdio: ["ignore", log, log] },
      );
    },
    until: async (program, ...args) => {
      await demand(
        "timeout",
        "60",
        "bash",
        "-c",
        'until "$@" >/dev/null 2>/run/why; do sleep 0.2; done || { cat /run/why; exit 1; }',
        "bash",
        program,
        ...args,
      );
    },
    stop: () => {
      holder.kill("SIGKILL");
    },
  };
  try {
    await demand("bash", "-c", LAY_PKI, "bash", SCRIPTS);
    for (const phase of [
      ["certs", "all"],
      ["kubeconfig", "all"],
      ["etcd", "local"],
      ["control-plane", "all"],
    ]) {
      await demand(
        "kubeadm",
        "init",
        "phase",
        ...phase,
        "--config=/etc/pi-image/kubeadm.yaml",
      );
    }
    await plane.start("etcd");
    await plane.start("kube-apiserver");
    await plane.until(
      "kubectl",
      "--kubeconfig=/etc/kubernetes/super-admin.conf",
      "get",
      "--raw=/readyz",
    );
  } catch (error) {
    plane.stop();
    throw error;
  }
  return plane;
};
