// Calico's manifest for one cluster: its pod subnet, and the network between its nodes.
import { isMap } from "yaml";
import type { ResolvedProject } from "../inventory/resolved.ts";
import {
  containerNamed,
  editManifest,
  listIn,
  PlaceMissing,
  setVariable,
} from "./edit-manifest.ts";

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
        setVariable(object, env, {
          name: "CALICO_IPV4POOL_CIDR",
          value: cluster.podSubnet,
        });
        // Calico's default is the first interface found, which on a node with two networks may be the wrong one.
        // https://docs.tigera.io/calico/latest/networking/ipam/ip-autodetection
        setVariable(object, env, {
          name: "IP_AUTODETECTION_METHOD",
          value: "kubernetes-internal-ip",
        });
      },
    },
  ]);
