// The gateway's first boot: its packet filter before anything is forwarded, and no part of Kubernetes.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { gatewayProject, sampleNode } from "../seed/sample-project.ts";
import {
  calls,
  type Circumstances,
  describeNode,
  isDone,
  layNode,
  leftToDo,
  powerOn,
  screen,
  status,
} from "./fake-node.ts";

const project = gatewayProject();
const gate = project.nodes[0] ?? sampleNode;

const layGateway = (is: Partial<Circumstances> = {}): Promise<string> =>
  layNode({
    project,
    node: gate,
    installed: [],
    ...is,
    files: { "sys/class/net/wlan0/carrier": "1", ...is.files },
  });

describeNode("a gateway", () => {
  it("is made without any part of Kubernetes", async () => {
    const root = await layGateway();
    expect(await powerOn(root)).toMatchObject({ code: 0 });
    expect(isDone(root)).toBe(true);
    expect(screen(root)).toEqual([
      "clock: done",
      "network: wlan0 has the address 192.168.1.50.",
      "network: done",
      "gateway: Installing nftables.",
      "gateway: Closing the uplink but for SSH and the declared ports.",
      "gateway: Installing dnsmasq.",
      "gateway: Giving addresses and names to the network behind this gateway.",
      "gateway: done",
      "scrub: Removing the secrets of the seed from this card.",
      "scrub: done",
      "done: gate is a gateway of the cluster homelab.",
    ]);
    expect(status(root)).toMatchObject({
      role: "gateway",
      state: "done",
      kubernetes: "",
    });
    expect(calls(root, "kubeadm")).toEqual([]);
    expect(existsSync(join(root, "etc/pi-image/kubeadm.yaml"))).toBe(false);
    expect(existsSync(join(root, "var/lib/pi-image/seed/pki"))).toBe(false);
  });

  it("forwards nothing before the packet filter is loaded", async () => {
    const root = await layGateway();
    await powerOn(root);
    const order = calls(root, "systemctl")
      .concat(calls(root, "sysctl"))
      .filter((call) => /nftables|sysctl/.test(call));
    expect(order).toEqual([
      "systemctl enable nftables.service",
      "systemctl restart nftables.service",
      `sysctl --quiet --load ${root}/etc/sysctl.d/90-pi-image-gateway.conf`,
    ]);
  });

  it("says what its configurations lack, and goes on when that is mended", async () => {
    const root = await layGateway({
      installed: ["dnsmasq", "nft"],
      plans: { nft: ["fail"], dnsmasq: ["fail"] },
      says: {
        nft: "/etc/nftables.conf:9:1-4: Error: syntax error",
        dnsmasq:
          "dnsmasq: bad option at line 2 of /etc/dnsmasq.d/pi-image.conf",
      },
      files: leftToDo("30-gateway"),
    });
    expect(await powerOn(root)).toMatchObject({ code: 0 });
    expect(screen(root)).toEqual(
      expect.arrayContaining([
        "gateway: nft does not accept /etc/nftables.conf: /etc/nftables.conf:9:1-4: Error: syntax error.",
        "gateway: dnsmasq does not accept /etc/dnsmasq.d/pi-image.conf: dnsmasq: bad option at line 2 of /etc/dnsmasq.d/pi-image.conf.",
        "gateway: done",
      ]),
    );
  });

  it("does not forward where the kernel refuses", async () => {
    const root = await layGateway({
      installed: ["dnsmasq", "nft"],
      files: {
        ...leftToDo("30-gateway"),
        "proc/sys/net/ipv4/ip_forward": "0",
      },
      after: { 1: "echo 1 >proc/sys/net/ipv4/ip_forward" },
    });
    expect(await powerOn(root)).toMatchObject({ code: 0 });
    expect(screen(root)).toContain(
      "gateway: The kernel does not forward packets: net.ipv4.ip_forward is not 1 although /etc/sysctl.d asks for it.",
    );
  });
});
