// The gateway's first boot: its packet filter before anything is forwarded, and no part of Kubernetes.
import { existsSync, readdirSync, readFileSync } from "node:fs";
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
      "wifi: Switching off the power save of wlan0.",
      "wifi: done",
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
      .filter((call) => /nftables|sysctl|forwarding/.test(call));
    expect(order).toEqual([
      "systemctl enable nftables.service pi-image-forwarding.service",
      "systemctl restart nftables.service",
      "systemctl restart pi-image-forwarding.service",
    ]);
  });

  it("forwards nothing where the packet filter is not loaded, after a restart neither", async () => {
    const root = await layGateway({
      installed: ["dnsmasq", "nft"],
      plans: { "systemctl-restart": ["fail"] },
      says: {
        "systemctl-restart":
          "Job for nftables.service failed because the control process exited with error code.",
      },
      files: leftToDo("30-gateway"),
      after: { 1: "cp world/calls world/before" },
    });
    await powerOn(root);
    expect(screen(root)[0]).toContain(
      "gateway: Closing the uplink but for SSH and the declared ports.",
    );
    const before = readFileSync(join(root, "world/before"), "utf8");
    expect(before).toContain("systemctl restart nftables.service");
    expect(before).not.toContain("restart pi-image-forwarding.service");
    // Nothing asks the kernel for it at boot but the unit that is bound to the packet filter.
    const asking = readdirSync(join(root, "etc"), {
      recursive: true,
      withFileTypes: true,
    })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => readFileSync(file, "utf8").includes("ip_forward"))
      .map((file) => file.slice(root.length));
    expect(asking).toEqual(["/etc/systemd/system/pi-image-forwarding.service"]);
    expect(readFileSync(join(root, asking[0] ?? ""), "utf8")).toMatch(
      /^BindsTo=nftables\.service\nAfter=nftables\.service$/m,
    );
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
      "gateway: The kernel does not forward packets: net.ipv4.ip_forward is not 1 although pi-image-forwarding.service set it.",
    );
  });
});
