// What a gateway and a storage node give to the nodes beside them.
import { describe, expect, it } from "vitest";
import { project, PLANE } from "./resolved-text.ts";

describe("a gateway", () => {
  const WIFI = "wifi: {ssid: home, country: ES, security: open}";
  const GATE = `name: gate, role: gateway, ${WIFI}, serves: {address: 10.0.0.1/28, forwards: [{port: 443, to: cplane, toPort: 6443}]}`;
  const { nodes } = project({
    defaults: "gateway: 192.168.1.1",
    nodes: [
      GATE,
      "name: cplane, role: control-plane",
      "name: worker1, role: worker, address: 10.0.0.2/28",
      "name: worker2, role: worker",
      `name: worker3, role: worker, ${WIFI}`,
      "name: worker4, role: worker, address: 192.168.1.9/24",
      "name: worker5, role: worker, address: 10.0.0.6/28, gateway: 10.0.0.5, nameservers: [9.9.9.9]",
    ],
  });

  it("serves the network behind it", () => {
    expect(nodes[0]).toMatchObject({
      joins: false,
      reserved: undefined,
      network: { uplink: "wlan0", addressing: { method: "dhcp" } },
      serves: {
        interface: "eth0",
        address: "10.0.0.1/28",
        ranges: [{ from: "10.0.0.8", to: "10.0.0.14" }],
        domain: "homelab.home.arpa",
        forwards: [
          {
            port: 443,
            protocol: "tcp",
            to: "cplane",
            address: "10.0.0.3",
            toPort: 6443,
          },
        ],
      },
    });
  });

  it("keeps an address for every node behind it, and for no other", () => {
    expect(nodes.map(({ reserved }) => reserved)).toEqual([
      undefined,
      "10.0.0.3/28",
      "10.0.0.2/28",
      "10.0.0.4/28",
      undefined,
      undefined,
      "10.0.0.6/28",
    ]);
  });

  it("is the way out for the nodes behind it, unless they say otherwise", () => {
    const ways = [2, 5, 6].map((index) => nodes[index]?.network.addressing);
    expect(ways).toMatchObject([
      {
        gateways: ["10.0.0.1"],
        nameservers: ["10.0.0.1"],
        search: ["homelab.home.arpa"],
      },
      { gateways: ["192.168.1.1"], nameservers: ["192.168.1.1"], search: [] },
      { gateways: ["10.0.0.5"], nameservers: ["9.9.9.9"] },
    ]);
  });
});

describe("a storage node", () => {
  const nas = (more: string) =>
    project({
      nodes: [
        PLANE,
        `name: nas, role: storage, storage: sd+usb-data, address: 192.168.1.60/24, gateway: 192.168.1.1${more}`,
      ],
    }).nodes[1];

  it("exports a folder of its data disk to its network, beside the cluster", () => {
    expect(nas("")).toMatchObject({
      joins: false,
      dataMount: "/srv/nfs",
      exports: {
        path: "/srv/nfs/volumes",
        clients: "192.168.1.0/24",
        server: "192.168.1.60",
      },
    });
  });

  it("joins the cluster where it says so", () => {
    expect(nas(", joins: true, dataMount: /srv/disk")).toMatchObject({
      joins: true,
      exports: { path: "/srv/disk/volumes" },
    });
  });
});
