// Clusters of IPv6 alone are an inventory like any other.
import { expect, it } from "vitest";
import { parseInventory } from "../../src/inventory/parse-inventory.ts";

it.each(["cilium", "calico"])(
  "three control planes share an IPv6 address with %s",
  (cni) => {
    const { problems } = parseInventory(
      "cluster.yaml",
      `cluster: {name: six, cni: ${cni}, virtualAddress: "fd00::40", podSubnet: "fd00:244::/64", serviceSubnet: "fd00:96::/112"}
defaults: {gateway: "fd00::1", users: [{name: ana, sshKeys: [file:k.pub]}]}
nodes:
  - {name: c1, role: control-plane, address: "fd00::11/64"}
  - {name: c2, role: control-plane, address: "fd00::12/64"}
  - {name: c3, role: control-plane, address: "fd00:0::13/64"}
  - {name: nas, role: storage, storage: sd+usb-data, address: "fd00::20/64"}
`,
    );
    expect(problems).toEqual([]);
  },
);
