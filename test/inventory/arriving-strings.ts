// Fields of the inventory that take a string, each with the place where it arrives.
import type { ResolvedProject } from "../../src/inventory/resolved.ts";

export type Field = {
  /** Puts a value into an inventory that is otherwise right. */
  readonly set: (value: string) => object;
  /** What arrives. */
  readonly get: (project: ResolvedProject) => string | undefined;
};

const cluster = { name: "homelab" };
const users = [{ name: "ana" }];
const plane = { name: "cplane", role: "control-plane" };

const inCluster = (key: string, get: Field["get"]): Field => ({
  set: (value) => ({
    cluster: { ...cluster, [key]: value },
    defaults: { users },
    nodes: [plane],
  }),
  get,
});

const inMirrors = (
  key: Exclude<
    keyof ResolvedProject["cluster"]["mirrors"],
    "registries" | "baseImages"
  >,
): Field => ({
  set: (value) => ({
    cluster: { ...cluster, mirrors: { [key]: value } },
    defaults: { users },
    nodes: [plane],
  }),
  get: (project) => project.cluster.mirrors[key],
});

const inNode = (
  extra: (value: string) => object,
  get: Field["get"],
): Field => ({
  set: (value) => ({
    cluster,
    defaults: { users },
    nodes: [plane, { name: "worker1", role: "worker", ...extra(value) }],
  }),
  get,
});

const last = (project: ResolvedProject) => project.nodes.at(-1);

const wifi = { ssid: "home", country: "ES", password: "env:WIFI" };
const fixed = { address: "192.168.1.50/24", gateway: "192.168.1.1" };
const addressing = (project: ResolvedProject) => {
  const found = last(project)?.network.addressing;
  return found?.method === "static" ? found : undefined;
};

/** By the field's name in the inventory. */
export const FIELDS: Readonly<Record<string, Field>> = {
  "cluster.name": inCluster("name", (project) => project.cluster.name),
  "cluster.kubernetes": inCluster(
    "kubernetes",
    (project) => project.cluster.kubernetes.patch,
  ),
  "cluster.endpoint": inCluster(
    "endpoint",
    (project) => project.cluster.endpoint.host,
  ),
  "cluster.podSubnet": inCluster(
    "podSubnet",
    (project) => project.cluster.podSubnet,
  ),
  "cluster.serviceSubnet": inCluster(
    "serviceSubnet",
    (project) => project.cluster.serviceSubnet,
  ),
  "cluster.dnsDomain": inCluster(
    "dnsDomain",
    (project) => project.cluster.dnsDomain,
  ),
  "cluster.cni": inCluster("cni", (project) => project.cluster.cni),
  "cluster.runtime": inCluster("runtime", (project) => project.cluster.runtime),
  "cluster.join": inCluster("join", (project) => project.cluster.join.by),
  "cluster.virtualAddress": inCluster(
    "virtualAddress",
    (project) => project.cluster.endpoint.address,
  ),
  "mirrors.kubernetesPackages": inMirrors("kubernetesPackages"),
  "mirrors.kubernetesImages": inMirrors("kubernetesImages"),
  "mirrors.ubuntu": inMirrors("ubuntu"),
  "mirrors.manifests": inMirrors("manifests"),
  "cluster.addons": {
    set: (value) => ({
      cluster: { ...cluster, addons: [value] },
      defaults: { users },
      nodes: [plane],
    }),
    get: (project) => project.cluster.addons[0],
  },
  "node.name": inNode(
    (name) => ({ name }),
    (project) => last(project)?.name,
  ),
  "node.role": inNode(
    (role) => ({ role }),
    (project) => last(project)?.role,
  ),
  "node.board": inNode(
    (board) => ({ board }),
    (project) => last(project)?.board,
  ),
  "node.base": inNode(
    (base) => ({ base }),
    (project) => last(project)?.base,
  ),
  "node.storage": inNode(
    (storage) => ({ storage }),
    (project) => last(project)?.storage,
  ),
  "node.timezone": inNode(
    (timezone) => ({ timezone }),
    (project) => last(project)?.timezone,
  ),
  "node.locale": inNode(
    (locale) => ({ locale }),
    (project) => last(project)?.locale,
  ),
  "node.address": inNode(
    (address) => ({ ...fixed, address }),
    (project) => addressing(project)?.addresses[0],
  ),
  "node.gateway": inNode(
    (gateway) => ({ ...fixed, gateway }),
    (project) => addressing(project)?.gateways[0],
  ),
  "node.nameservers": inNode(
    (server) => ({ ...fixed, nameservers: [server] }),
    (project) => addressing(project)?.nameservers[0],
  ),
  "node.search": inNode(
    (domain) => ({ ...fixed, search: [domain] }),
    (project) => addressing(project)?.search[0],
  ),
  "node.uplink": inNode(
    (uplink) => ({ uplink }),
    (project) => last(project)?.network.uplink,
  ),
  "card.serial": inNode(
    (serial) => ({ card: { serial } }),
    (project) => last(project)?.cardSerial,
  ),
  "wifi.ssid": inNode(
    (ssid) => ({ wifi: { ...wifi, ssid } }),
    (project) => last(project)?.network.wifi[0]?.ssid.toString(),
  ),
  "wifi.country": inNode(
    (country) => ({ wifi: { ...wifi, country } }),
    (project) => last(project)?.network.wifi[0]?.country,
  ),
  "wifi.security": inNode(
    (security) => ({ wifi: { ...wifi, security } }),
    (project) => last(project)?.network.wifi[0]?.security,
  ),
  "user.name": inNode(
    (name) => ({ users: [{ name }] }),
    (project) => last(project)?.users[0]?.name,
  ),
  "user.shell": inNode(
    (shell) => ({ users: [{ name: "ana", shell }] }),
    (project) => last(project)?.users[0]?.shell,
  ),
  "user.sshKeys": inNode(
    (key) => ({ users: [{ name: "ana", sshKeys: [key] }] }),
    (project) => last(project)?.users[0]?.sshKeys[0],
  ),
};
