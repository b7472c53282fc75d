// Calico's manifest for one cluster: its pod subnet, and the network between its nodes.
import { formatIpCidr } from "../inventory/rules/ip.ts";
import {
  cidrsOf,
  familiesIn,
  ofFamily,
} from "../inventory/written-addresses.ts";
import { type Document, isMap, isScalar } from "yaml";
import type { ResolvedProject } from "../inventory/resolved.ts";
import {
  containerNamed,
  editManifest,
  listIn,
  PlaceMissing,
  setVariable,
} from "./edit-manifest.ts";

type Variables = readonly (readonly [name: string, value: string])[];

/**
 * Calico's default is the first interface found, which on a node with two networks may be the wrong one. IPv6 addresses of pods
 * are their own network's, so that the way out of it needs NAT as in IPv4. Without IPv4 there is no address to make BIRD's
 * router id from.
 * https://docs.tigera.io/calico/latest/networking/ipam/ip-autodetection
 * https://docs.tigera.io/calico/latest/networking/ipam/ipv6
 */
const variablesFor = (podSubnet: string): Variables => {
  const ranges = cidrsOf(podSubnet);
  const four = ofFamily(ranges, 4);
  const six = ofFamily(ranges, 6);
  return [
    ...(four === undefined
      ? ([
          ["IP", "none"],
          ["CALICO_IPV4POOL_CIDR", "none"],
          ["CALICO_ROUTER_ID", "hash"],
        ] as const)
      : ([
          ["CALICO_IPV4POOL_CIDR", formatIpCidr(four)],
          ["IP_AUTODETECTION_METHOD", "kubernetes-internal-ip"],
        ] as const)),
    ...(six === undefined
      ? []
      : ([
          ["IP6", "autodetect"],
          ["IP6_AUTODETECTION_METHOD", "kubernetes-internal-ip"],
          ["CALICO_IPV6POOL_CIDR", formatIpCidr(six)],
          ["CALICO_IPV6POOL_NAT_OUTGOING", "true"],
          ["FELIX_IPV6SUPPORT", "true"],
        ] as const)),
  ];
};

const CNI_CONFIG = ["data", "cni_network_config"];
const IPAM = /("type":\s*"calico-ipam")/;

/** The text is no JSON: the plug-in's installer fills places in it. */
const assignAddresses = (
  object: Document,
  { podSubnet }: ResolvedProject["cluster"],
): void => {
  const node = object.getIn(CNI_CONFIG, true);
  const text: unknown = object.getIn(CNI_CONFIG);
  if (!isScalar(node) || typeof text !== "string" || !IPAM.test(text)) {
    throw new PlaceMissing("calico-ipam in cni_network_config");
  }
  const four = familiesIn(podSubnet).includes(4);
  node.value = text.replace(
    IPAM,
    `$1, "assign_ipv4": "${four}", "assign_ipv6": "true"`,
  );
};

/** `from` is what messages call the manifest. Throws MANIFEST_WRONG. */
export const fillCalico = (
  text: string,
  from: string,
  { cluster }: ResolvedProject,
): string =>
  editManifest(text, from, [
    {
      kind: "DaemonSet",
      name: "calico-node",
      edit: (object) => {
        const env = listIn(containerNamed(object, "calico-node"), "env");
        if (
          !env.items.some(
            (item) => isMap(item) && item.get("name") === "NODENAME",
          )
        ) {
          throw new PlaceMissing("the variable NODENAME");
        }
        for (const [name, value] of variablesFor(cluster.podSubnet)) {
          setVariable(object, env, { name, value });
        }
      },
    },
    ...(familiesIn(cluster.podSubnet).includes(6)
      ? [
          {
            kind: "ConfigMap",
            name: "calico-config",
            edit: (object: Document) => assignAddresses(object, cluster),
          },
        ]
      : []),
  ]);
