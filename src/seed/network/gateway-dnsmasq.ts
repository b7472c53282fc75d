// What dnsmasq on a gateway does for the network behind it: addresses by DHCP and names by DNS.
import type {
  ResolvedNode,
  ResolvedProject,
  Service,
} from "../../inventory/resolved.ts";
import { controlPlanes, knownAddress } from "../../kubernetes/addresses.ts";

/** How long a machine keeps an address without asking for it again. */
const LEASE = "12h";

const maskOf = (address: string): string => {
  const prefix = Number(address.split("/")[1]);
  return [0, 8, 16, 24]
    .map((bits) => 256 - 2 ** (8 - Math.min(8, Math.max(0, prefix - bits))))
    .join(".");
};

/** Even without a range dnsmasq serves the machines that it knows; "static" needs the network's own address. */
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
 * A record for an endpoint that is not a node's name: either that of the virtual address, or a name in the gateway's domain,
 * for which no server outside answers. Such a name leads to the first control plane, because kubeadm init waits for itself
 * at the endpoint.
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
 * The file's text. Where resolvconf is installed, Debian's and Ubuntu's package tells dnsmasq to read the file that
 * resolvconf writes for it, but the resolvconf of systemd-resolved (for example in Ubuntu 24.04) writes none. So two files
 * are named, and dnsmasq reads the one that exists.
 * https://github.com/mrlesmithjr/ansible-dnsmasq/pull/76
 *
 * A node is recognised by its MAC address where the inventory has it, else by the name that it sends: cloud-init sets the
 * name before the network comes up, and systemd-networkd sends it.
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
