// Inventory -> ResolvedProject: fills in every value that people left out.
import { DEFAULT_CLUSTER, DEFAULT_JOIN } from "./cluster-defaults.ts";
import type { Inventory } from "./schema/cluster-schema.ts";
import { API_PORT, endpointTarget } from "./endpoint.ts";
import { carriesBundle } from "./rules/bundle-rules.ts";
import { resolveHost } from "./resolve-host.ts";
import type { HostSettings, Route } from "./host-settings.ts";
import { resolveBoard } from "./boards/resolve-board.ts";
import {
  kubernetesVersion,
  writtenVersion,
} from "./rules/kubernetes-versions.ts";
import {
  formatIp,
  formatIpCidr,
  parseIp,
  specialKind,
  type Family,
  type Ip,
} from "./rules/ip.ts";
import { SYSTEM_AUTHORITIES } from "./rules/eap-rules.ts";
import { absolutePath, type PathOrigins } from "./load/paths.ts";
import {
  KEY_OF,
  KEY_PASSWORD_OF,
  secretName,
  type References,
} from "./rules/references.ts";
import type {
  Addressing,
  Eap,
  Endpoint,
  Ipv6Way,
  Mirrors,
  ResolvedCluster,
  ResolvedNode,
  ResolvedProject,
  UpstreamSettings,
  User,
  Wifi,
} from "./resolved.ts";
import {
  resolveExport,
  resolveServedNetwork,
  type ServedNetwork,
} from "./resolve-service.ts";
import { joinsCluster, completeSettings } from "./settings.ts";
import { isBaseFile } from "./rules/system-rules.ts";
import { DEFAULT_SHELL } from "./rules/user-rules.ts";
import { networksOf, networkTitle } from "./wifi-networks.ts";
import {
  cidrsOf,
  familiesIn,
  inOrder,
  ipsOf,
  ofFamily,
  rangesText,
} from "./written-addresses.ts";

type NodeEntry = Inventory["nodes"][number];
type WrittenWifi = Extract<NodeEntry["wifi"], { readonly country: string }>;
type WrittenUser = NonNullable<NodeEntry["users"]>[number];

/** The families of the cluster's ranges, the main one first. */
const clusterFamilies = (cluster: Inventory["cluster"]): readonly Family[] =>
  familiesIn(cluster.podSubnet ?? DEFAULT_CLUSTER.podSubnet);

const resolveEndpoint = ({ cluster, nodes }: Inventory): Endpoint => {
  const target = endpointTarget(cluster.endpoint, {
    cluster: cluster.name,
    virtualAddress: cluster.virtualAddress,
    nodes: nodes.map(({ name, role, address }) => ({
      name,
      control: role === "control-plane",
      addresses: cidrsOf(address),
    })),
  });
  const text = (ip: Ip | undefined) => ip && formatIp(ip);
  switch (target.kind) {
    case "node":
      return {
        host: target.host,
        port: API_PORT,
        address: text(
          target.address ??
            inOrder(
              cidrsOf(nodes[target.index]?.address),
              clusterFamilies(cluster),
            )[0],
        ),
        virtual: false,
      };
    case "virtual":
      return {
        host: target.host,
        port: API_PORT,
        address: text(parseIp(cluster.virtualAddress ?? "")),
        virtual: true,
      };
    case "name":
      return {
        host: target.host,
        port: API_PORT,
        address: undefined,
        virtual: false,
      };
    case "unknown":
      throw new Error("an inventory without problems has an endpoint");
  }
};

const withoutSlash = (url: string | undefined): string | undefined =>
  url?.replace(/\/+$/, "");

const resolveMirrors = (mirrors: Inventory["cluster"]["mirrors"]): Mirrors => ({
  kubernetesPackages: withoutSlash(mirrors?.kubernetesPackages),
  kubernetesKey: mirrors?.kubernetesKey?.replaceAll(" ", "").toUpperCase(),
  kubernetesImages: mirrors?.kubernetesImages,
  registries: (mirrors?.registries ?? []).map(({ registry, mirror }) => ({
    registry,
    mirror: mirror.replace(/\/+$/, ""),
  })),
  ubuntu: withoutSlash(mirrors?.ubuntu),
  manifests: withoutSlash(mirrors?.manifests),
  baseImages: (mirrors?.baseImages ?? []).map((url) => url.replace(/\/+$/, "")),
});

const resolveUpstream = (
  written: Inventory["cluster"]["kubernetes"],
): UpstreamSettings =>
  typeof written === "object"
    ? {
        kubelet: written.kubelet ?? {},
        apiServerArgs: written.apiServer?.extraArgs ?? [],
      }
    : { kubelet: {}, apiServerArgs: [] };

const resolveCluster = (
  inventory: Inventory,
  places: PathOrigins,
): ResolvedCluster => {
  const { cluster } = inventory;
  const join =
    typeof cluster.join === "string" ? { by: cluster.join } : cluster.join;
  return {
    name: cluster.name,
    kubernetes: kubernetesVersion(
      writtenVersion(cluster.kubernetes) ?? DEFAULT_CLUSTER.kubernetes,
    ),
    upstream: resolveUpstream(cluster.kubernetes),
    endpoint: resolveEndpoint(inventory),
    podSubnet: rangesText(cluster.podSubnet ?? DEFAULT_CLUSTER.podSubnet),
    serviceSubnet: rangesText(
      cluster.serviceSubnet ?? DEFAULT_CLUSTER.serviceSubnet,
    ),
    dnsDomain: cluster.dnsDomain ?? DEFAULT_CLUSTER.dnsDomain,
    cni: cluster.cni ?? DEFAULT_CLUSTER.cni,
    runtime: cluster.runtime ?? DEFAULT_CLUSTER.runtime,
    join: {
      by: join?.by ?? DEFAULT_JOIN.by,
      days: join?.days ?? DEFAULT_JOIN.days,
      tokenHours: join?.tokenHours ?? DEFAULT_JOIN.tokenHours,
    },
    hardening: {
      encryptSecrets: cluster.hardening?.encryptSecrets,
      auditLog: cluster.hardening?.auditLog,
      podSecurity: cluster.hardening?.podSecurity,
      podSecurityExempt: cluster.hardening?.podSecurityExempt ?? [],
      seccompDefault: cluster.hardening?.seccompDefault,
      anonymousAccess: cluster.hardening?.anonymousAccess,
    },
    offline: cluster.offline ?? false,
    bundle: carriesBundle(cluster),
    mirrors: resolveMirrors(cluster.mirrors),
    addons: (cluster.addons ?? []).map((addon) =>
      addon.startsWith("file:")
        ? `file:${absolutePath(addon.slice("file:".length), places)}`
        : addon,
    ),
  };
};

const resolveUser = (user: WrittenUser, references: References): User => ({
  name: user.name,
  sshKeys: [
    ...new Set(
      (user.sshKeys ?? []).flatMap((key) => references.keys.get(key) ?? []),
    ),
  ],
  sudo: user.sudo ?? true,
  shell: user.shell ?? DEFAULT_SHELL,
});

const resolveEap = (
  title: string,
  eap: NonNullable<WrittenWifi["eap"]>,
  { certificates = new Map(), secrets }: References,
): Eap => {
  const secretOf = (mark: string, reference: string | undefined) =>
    reference === undefined
      ? undefined
      : secrets.get(secretName(`${title}${mark}`, reference));
  const both = {
    identity: eap.identity,
    anonymousIdentity: eap.anonymousIdentity,
    ca: certificates.get(eap.ca ?? "") ?? SYSTEM_AUTHORITIES,
    domain: eap.domain,
  };
  const { method } = eap;
  if (method !== "tls") {
    return { ...both, method, inner: eap.inner ?? "mschapv2" };
  }
  const key = secretOf(KEY_OF, eap.clientKey);
  const certificate = certificates.get(eap.certificate ?? "");
  if (key === undefined || certificate === undefined) {
    throw new Error("an inventory without problems has a certificate here");
  }
  return {
    ...both,
    method,
    certificate,
    key,
    keyPassword: secretOf(KEY_PASSWORD_OF, eap.clientKeyPassword),
  };
};

const resolveWifi = (wifi: WrittenWifi, references: References): Wifi => ({
  ssid: wifi.ssid ?? Buffer.from(wifi.ssidHex ?? "", "hex"),
  country: wifi.country,
  security: wifi.security ?? "wpa2",
  hidden: wifi.hidden ?? false,
  ...(wifi.eap === undefined
    ? {}
    : { eap: resolveEap(networkTitle(wifi) ?? "", wifi.eap, references) }),
  password:
    wifi.password === undefined
      ? undefined
      : references.secrets.get(
          secretName(networkTitle(wifi) ?? "", wifi.password),
        ),
});

/** A node behind the cluster's gateway uses it as router and name server, unless the node says otherwise. */
const resolveAddressing = (
  node: NodeEntry,
  { cluster, defaults = {} }: Inventory,
  served: ServedNetwork | undefined,
): Addressing => {
  const addresses = inOrder(cidrsOf(node.address), clusterFamilies(cluster));
  const [main, ...others] = addresses.map(formatIpCidr);
  if (main === undefined) {
    return { method: "dhcp" };
  }
  const own = served?.service.address.split("/")[0];
  const gateways = inOrder(
    ipsOf(node.gateway ?? own ?? defaults.gateway),
    addresses.map(({ family }) => family),
  ).filter(({ family }) => ofFamily(addresses, family) !== undefined);
  return {
    method: "static",
    addresses: [main, ...others],
    gateways: gateways.map(formatIp),
    nameservers:
      node.nameservers ??
      (own === undefined ? defaults.nameservers : [own]) ??
      gateways.filter((ip) => specialKind(ip) === undefined).map(formatIp),
    search:
      node.search ??
      (served === undefined ? defaults.search : [served.service.domain]) ??
      [],
  };
};

/** A node with no address of its own in a cluster of IPv4 keeps what its base does. */
const ipv6Way = (
  addressing: Addressing,
  joins: boolean,
  families: readonly Family[],
): Ipv6Way => {
  if (addressing.method === "dhcp") {
    return joins && families.includes(6) ? "router" : "base";
  }
  const isSix = (text: string) => text.includes(":");
  if (!addressing.addresses.some(isSix)) {
    return "base";
  }
  return addressing.gateways.some(isSix) ? "fixed" : "router";
};

/**
 * Without a default route the kernel refuses packets to services before kube-proxy sees them. With this one they get a source address
 * and become packets to pods. Where nothing is offline, there is a default route.
 */
const serviceRoutes = (
  cluster: Inventory["cluster"],
  addressing: Addressing,
): readonly Route[] =>
  cluster.offline === true &&
  (addressing.method === "dhcp" || addressing.gateways.length === 0)
    ? rangesText(cluster.serviceSubnet ?? DEFAULT_CLUSTER.serviceSubnet)
        .split(",")
        .map((to) => ({ to, scope: "link" }))
    : [];

const withRoutes = (
  host: HostSettings,
  more: readonly Route[],
): HostSettings => ({
  ...host,
  link: { ...host.link, routes: [...host.link.routes, ...more] },
});

const resolveNode = (
  node: NodeEntry,
  index: number,
  inventory: Inventory,
  network: ServedNetwork | undefined,
  references: References,
  places: PathOrigins,
): ResolvedNode => {
  const { cluster, nodes, defaults = {} } = inventory;
  const reserved = network?.reserved[index];
  const board = resolveBoard(node, { cluster, defaults }, places);
  const served = reserved === undefined ? undefined : network;
  const { base, timezone, locale } = completeSettings(node, defaults);
  const wifi = networksOf<WrittenWifi>(node.wifi ?? defaults.wifi);
  const uplink =
    node.uplink ?? defaults.uplink ?? (wifi.length > 0 ? "wifi" : "ethernet");
  const users = node.users ?? defaults.users ?? [];
  const addressing = resolveAddressing(node, inventory, served);
  const address =
    addressing.method === "static" ? addressing.addresses[0] : reserved;
  const joins = joinsCluster(node);
  return {
    name: node.name,
    role: node.role,
    joins,
    base: isBaseFile(base) ? absolutePath(base, places) : base,
    ...board,
    timezone,
    locale,
    users: users.map((user) => resolveUser(user, references)),
    network: {
      uplink: uplink === "wifi" ? "wlan0" : "eth0",
      addressing,
      ipv6: ipv6Way(addressing, joins, clusterFamilies(cluster)),
      wifi: wifi.map(({ network }) => resolveWifi(network, references)),
    },
    host: withRoutes(
      resolveHost(node, defaults),
      joins && reserved === undefined ? serviceRoutes(cluster, addressing) : [],
    ),
    reserved,
    exports:
      node.role === "storage" &&
      board.dataMount !== undefined &&
      address !== undefined
        ? resolveExport(board.dataMount, address)
        : undefined,
    serves: nodes[index] === network?.gateway ? network?.service : undefined,
    eepromDate: node.eepromDate ?? defaults.eepromDate,
    cardSerial: node.card?.serial,
    mac: node.mac?.toLowerCase().replaceAll("-", ":"),
  };
};

/** `inventory` comes from `parseInventory`, without errors; `references` holds what its references lead to. */
export const resolveInventory = (
  inventory: Inventory,
  references: References,
  places: PathOrigins,
): ResolvedProject => {
  const network = resolveServedNetwork(inventory);
  return {
    cluster: resolveCluster(inventory, places),
    nodes: inventory.nodes.map((node, index) =>
      resolveNode(node, index, inventory, network, references, places),
    ),
  };
};
