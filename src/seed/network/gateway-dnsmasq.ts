// What dnsmasq on a gateway does for the network behind it: addresses by DHCP and names by DNS.
import type {
  ResolvedNode,
  ResolvedProject,
  Service,
} from "../../inventory/resolved.ts";
import { controlPlanes, knownAddress } from "../../kubernetes/addresses.ts";

/** A machine keeps an address that it does not ask for again so long. */
const LEASE = "12h";

const maskOf = (address: string): string => {
  const prefix = Number(address.split("/")[1]);
  return [0, 8, 16, 24]
    .map((bits) => 256 - 2 ** (8 - Math.min(8, Math.max(0, prefix - bits))))
    .join(".");
};

/** Without a range dnsmasq still serves those that it knows: "static" wants the network's own address. */
const rangeLines = (
  { address, ranges }: Service,
  known: readonly string[],
): readonly string[] =>
  ranges.length === 0
    ? known
        .slice(0, 1)
        .map(
          (first) => `dhcp-range=${first},static,${maskOf(address)},${LEASE}`,
        )
    : ranges.map(
        ({ from, to }) =>
          `dhcp-range=${from},${to},${maskOf(address)},${LEASE}`,
      );

/**
 * The endpoint's name, where it is not a node's own: that of the virtual address, or one in the gateway's domain, for which no
 * server outside answers. The first control plane has it then, since kubeadm init waits for itself at the endpoint.
 */
const endpointRecord = (
  project: ResolvedProject,
  { domain }: Service,
): readonly string[] => {
  const { host, address, virtual } = project.cluster.endpoint;
  if (virtual && address !== undefined) {
    const names = host.includes(".") ? host : `${host},${host}.${domain}`;
    return [`host-record=${names},${address}`];
  }
  const [first] = controlPlanes(project);
  const server = first && knownAddress(first);
  return host.endsWith(`.${domain}`) && server !== undefined
    ? [`host-record=${host},${server}`]
    : [];
};

/**
 * The file's text. Where there is a resolvconf, the package of Debian and Ubuntu tells dnsmasq to read what that writes for it;
 * the one of systemd-resolved, in Ubuntu 24.04 for example, writes nothing. Of two files the one that is there is read.
 * https://github.com/mrlesmithjr/ansible-dnsmasq/pull/76
 *
 * A node is known by its MAC address where the inventory has it, else by the name that it sends: cloud-init
 * sets that before the network comes up, and systemd-networkd sends it.
 * https://thekelleys.org.uk/dnsmasq/docs/dnsmasq-man.html (dhcp-host, host-record)
 * https://docs.cloud-init.io/en/latest/explanation/boot.html (local)
 */
export const dnsmasqConfiguration = (
  project: ResolvedProject,
  gateway: ResolvedNode,
  service: Service,
): string => {
  const { domain } = service;
  const own = service.address.split("/")[0] ?? "";
  const behind = project.nodes.flatMap((node) => {
    const address = node.reserved?.split("/")[0];
    return address === undefined ? [] : [{ ...node, address }];
  });
  return [
    "# Addresses and names for the network behind this gateway. Made by pi-image; a build of this card writes it anew.",
    `interface=${service.interface}`,
    "except-interface=lo",
    "# The interface may come and go, and 127.0.0.53 is systemd-resolved's.",
    "bind-dynamic",
    "# /etc/hosts is this machine's view.",
    "no-hosts",
    "# For all other names. Without this line Debian's package names a file that nobody writes under systemd-resolved.",
    "resolv-file=/etc/resolv.conf",
    "domain-needed",
    "bogus-priv",
    `domain=${domain}`,
    `local=/${domain}/`,
    "dhcp-authoritative",
    ...rangeLines(service, [own]),
    `dhcp-option=option:router,${own}`,
    `dhcp-option=option:dns-server,${own}`,
    ...behind.map(
      ({ name, mac, address }) =>
        `dhcp-host=${mac === undefined ? "" : `${mac},`}${name},${address}`,
    ),
    ...[{ name: gateway.name, address: own }, ...behind].map(
      ({ name, address }) => `host-record=${name},${name}.${domain},${address}`,
    ),
    ...endpointRecord(project, service),
    "",
  ].join("\n");
};
