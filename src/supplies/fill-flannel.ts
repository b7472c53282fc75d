// Flannel's manifest for one cluster: its pod subnet, and the network between its nodes.
import { uplinkDevice } from "../inventory/uplink-device.ts";
import { formatIpCidr } from "../inventory/rules/ip.ts";
import { cidrsOf, ofFamily } from "../inventory/written-addresses.ts";
import { type Document, isScalar } from "yaml";
import { z } from "zod";
import { ifOneOf } from "../report/expected-failure.ts";
import type { ResolvedProject } from "../inventory/resolved.ts";
import {
  containerNamed,
  editManifest,
  listIn,
  PlaceMissing,
  setVariable,
} from "./edit-manifest.ts";

const NET_CONF = ["data", "net-conf.json"];

const netConf = z.looseObject({ Network: z.string() });

const readNetConf = (object: Document): z.infer<typeof netConf> => {
  try {
    return netConf.parse(JSON.parse(String(object.getIn(NET_CONF))));
  } catch (error) {
    throw ifOneOf(
      error,
      [SyntaxError, z.ZodError],
      new PlaceMissing("Network in net-conf.json"),
    );
  }
};

const ADDRESS = "PI_IMAGE_NODE_ADDRESS";

/**
 * The interface that all nodes use, or undefined where each node's own address has to decide. Flannel takes the first
 * interface of its list that has an address, which on a wired node with Wi-Fi may be the wrong one. Of several addresses of
 * an interface it prefers a permanent one, which the virtual address is and one from DHCP is not.
 * https://github.com/flannel-io/flannel/blob/v0.28.9/pkg/ip/iface.go (compareAddrs)
 */
const sharedInterface = ({
  cluster,
  nodes,
}: ResolvedProject): string | undefined => {
  const uplinks = new Set(nodes.filter(({ joins }) => joins).map(uplinkDevice));
  return uplinks.size === 1 && !cluster.endpoint.virtual
    ? [...uplinks][0]
    : undefined;
};

/**
 * The pods' ranges as Flannel names them. A cluster without IPv4 keeps the manifest's own range, which `EnableIPv4: false` switches
 * off; `Network` cannot be left out.
 * https://github.com/flannel-io/flannel/blob/v0.28.9/Documentation/configuration.md
 */
const podNetworks = (podSubnet: string): Readonly<Record<string, unknown>> => {
  const ranges = cidrsOf(podSubnet);
  const [four, six] = ([4, 6] as const).map((family) =>
    ofFamily(ranges, family),
  );
  return {
    ...(four === undefined
      ? { EnableIPv4: false }
      : { Network: formatIpCidr(four) }),
    ...(six === undefined
      ? {}
      : { EnableIPv6: true, IPv6Network: formatIpCidr(six) }),
  };
};

/** `from` is what messages call the manifest. Throws MANIFEST_WRONG. */
export const fillFlannel = (
  text: string,
  from: string,
  project: ResolvedProject,
): string =>
  editManifest(text, from, [
    {
      kind: "ConfigMap",
      name: "kube-flannel-cfg",
      edit: (object) => {
        const changed = {
          ...readNetConf(object),
          ...podNetworks(project.cluster.podSubnet),
        };
        const node = object.getIn(NET_CONF, true);
        if (!isScalar(node)) {
          throw new PlaceMissing("net-conf.json");
        }
        node.value = `${JSON.stringify(changed, undefined, 2)}\n`;
      },
    },
    {
      kind: "DaemonSet",
      name: "kube-flannel-ds",
      edit: (object) => {
        const container = containerNamed(object, "kube-flannel");
        const args = listIn(container, "args");
        const shared = sharedInterface(project);
        if (shared === undefined) {
          // The kubelet's --node-ip; the node sets it to the address of its uplink.
          setVariable(object, listIn(container, "env"), {
            name: ADDRESS,
            valueFrom: { fieldRef: { fieldPath: "status.hostIP" } },
          });
        }
        args.items.push(
          object.createNode(`--iface=${shared ?? `$(${ADDRESS})`}`),
        );
      },
    },
  ]);
