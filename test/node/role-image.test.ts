// First boots of a role image that nobody gave an identity with pi-image.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { sampleNode, sampleProject } from "../seed/sample-project.ts";
import {
  calls,
  describeNode,
  isDone,
  layNode,
  powerOn,
  screen,
  status,
} from "./fake-node.ts";

describeNode("a role image that is not a node", () => {
  it("installs what its role needs, joins nothing and says so", async () => {
    const root = await layNode({
      project: sampleProject,
      node: sampleNode,
      roleImage: true,
      installed: [],
      files: {
        "etc/hostname": "attic\n",
        "boot/firmware/user-data": "#cloud-config\nuser: {passwd: hash}\n",
      },
    });
    expect(await powerOn(root)).toMatchObject({ code: 0 });
    const ready =
      "attic has what a worker of Kubernetes 1.36 needs, but no identity: make it a node with kubeadm.";
    const shown = screen(root);
    expect(shown.filter((line) => line.endsWith(": done"))).toEqual([
      "clock: done",
      "network: done",
      "packages: done",
      "runtime: done",
      "kubeadm: done",
      "scrub: done",
      "cni: done",
    ]);
    expect(shown.at(-1)).toBe(`done: ${ready}`);
    expect(status(root)).toMatchObject({ node: "attic", message: ready });
    expect(isDone(root)).toBe(true);
    expect(calls(root, "apt-get")).not.toEqual([]);
    expect(
      calls(root, "kubeadm").filter((call) => /init|join/.test(call)),
    ).toEqual([]);
    expect(existsSync(join(root, "etc/pi-image/kubeadm.yaml"))).toBe(false);
    // What Raspberry Pi Imager wrote may hold a password.
    expect(
      readFileSync(join(root, "boot/firmware/user-data"), "utf8"),
    ).not.toContain("hash");
  });

  it("takes the interface that has the default route for its uplink", async () => {
    const root = await layNode({
      project: sampleProject,
      node: sampleNode,
      roleImage: true,
      files: { "etc/hostname": "attic\n", "sys/class/net/wlan0/carrier": "1" },
      world: { route: "default via 192.168.1.1 dev wlan0 proto dhcp" },
    });
    expect(await powerOn(root)).toMatchObject({ code: 0 });
    expect(screen(root)).toContain(
      "network: wlan0 has the address 192.168.1.61.",
    );
  });
});
