// Files that give a node's programs the proxy, and what is reached without it.
import { systemFacts } from "../inventory/boards/systems.ts";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { formatIpCidr, networkOfIp } from "../inventory/rules/ip.ts";
import { cidrsOf } from "../inventory/written-addresses.ts";
import { familiesOf, knownAddresses } from "../kubernetes/addresses.ts";
import { kubeadmAction } from "./node-facts.ts";
import { shellAssignments } from "./shell-assignments.ts";
import type { SuppliedFile } from "./supplied-files.ts";

/** The network of an address with prefix length, such as 192.168.1.0/24. */
const networkTexts = (
  addresses: string | readonly string[] | undefined,
): readonly string[] =>
  cidrsOf(addresses).map((cidr) => formatIpCidr(networkOfIp(cidr)));

/** RFC 1918 and 4193. Where the network gives a node its address, only these are known to be no business of a proxy. */
const PRIVATE_NETWORKS = {
  4: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
  6: ["fc00::/7"],
} as const;

/**
 * Hosts, addresses and networks that are the cluster's own: a proxy knows no way to them, and kubeadm hands these variables on to the
 * API server. Go and Python understand networks; for others the addresses stand there as well.
 */
export const withoutProxy = (
  project: ResolvedProject,
  node: ResolvedNode,
): readonly string[] => {
  const { cluster, nodes } = project;
  const { endpoint } = cluster;
  const all = [
    "localhost",
    "127.0.0.1",
    "::1",
    ".local",
    ".svc",
    `.${cluster.dnsDomain}`,
    endpoint.host,
    endpoint.address,
    ...nodes.flatMap((other) => [other.name, ...knownAddresses(other)]),
    ...nodes.flatMap(({ network: { addressing }, reserved, serves }) => [
      ...(addressing.method === "static"
        ? networkTexts(addressing.addresses)
        : []),
      ...networkTexts(reserved),
      ...networkTexts(serves?.address),
      ...(serves === undefined ? [] : [`.${serves.domain}`]),
    ]),
    ...networkTexts(cluster.podSubnet),
    ...networkTexts(cluster.serviceSubnet),
    ...(nodes.every((other) => knownAddresses(other).length > 0)
      ? []
      : familiesOf(project)
          .toSorted((a, b) => a - b)
          .flatMap((family) => PRIVATE_NETWORKS[family])),
    ...(node.host.proxy?.noProxy ?? []),
  ];
  return [...new Set(all.filter((entry) => entry !== undefined))];
};

type Variables = Readonly<Record<string, string>>;

const environment = (
  http: string | undefined,
  https: string | undefined,
  without: string,
): Variables => {
  const set = {
    ...(http === undefined ? {} : { http_proxy: http }),
    ...(https === undefined ? {} : { https_proxy: https }),
    no_proxy: without,
  };
  return {
    ...set,
    ...Object.fromEntries(
      Object.entries(set).map(([name, value]) => [name.toUpperCase(), value]),
    ),
  };
};

const ENVIRONMENT = "/etc/pi-image/proxy.env";

/** https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile= */
const dropIn = (service: string): SuppliedFile => ({
  path: `/etc/systemd/system/${service}.service.d/pi-image-proxy.conf`,
  mode: "0644",
  text: `[Service]\nEnvironmentFile=${ENVIRONMENT}\n`,
});

/**
 * apt takes its own settings before the environment, also where sudo has emptied that; it knows single hosts only.
 * https://manpages.debian.org/trixie/apt/apt-transport-http.1.en.html
 */
const aptText = (
  http: string | undefined,
  https: string | undefined,
  without: readonly string[],
): string => {
  const scheme = (name: string, proxy: string | undefined) =>
    proxy === undefined
      ? []
      : [
          `Acquire::${name}::Proxy "${proxy}";`,
          ...without
            .filter((host) => /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host))
            .map((host) => `Acquire::${name}::Proxy::${host} "DIRECT";`),
        ];
  return `${[...scheme("http", http), ...scheme("https", https)].join("\n")}\n`;
};

/** None where the node has no proxy. */
export const proxyFiles = (
  project: ResolvedProject,
  node: ResolvedNode,
): readonly SuppliedFile[] => {
  const { proxy } = node.host;
  if (proxy === undefined) {
    return [];
  }
  const { http, https } = proxy;
  const without = withoutProxy(project, node);
  const variables = environment(http, https, without.join(","));
  // Those that fetch something, or speak to the API server.
  const services = [
    "pi-image-node",
    ...(kubeadmAction(project, node) === "beside"
      ? []
      : [
          project.cluster.runtime === "cri-o" ? "crio" : "containerd",
          "kubelet",
        ]),
  ];
  return [
    { path: ENVIRONMENT, mode: "0600", text: shellAssignments(variables) },
    ...services.map(dropIn),
    {
      path: "/etc/profile.d/pi-image-proxy.sh",
      mode: "0644",
      text: `${shellAssignments(variables)}export ${Object.keys(variables).join(" ")}\n`,
    },
    {
      path: "/etc/sudoers.d/pi-image-proxy",
      mode: "0440",
      text: `Defaults env_keep += "${Object.keys(variables).join(" ")}"\n`,
    },
    ...(systemFacts(node.base).cloudInit
      ? [
          {
            path: "/etc/apt/apt.conf.d/95-pi-image-proxy",
            mode: "0644",
            text: aptText(http, https, without),
          } as const,
        ]
      : []),
  ];
};
