// The power goes at every moment that the runner makes durable, one after the other, and in the middle of each tool.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  controlPlane,
  sampleNode,
  sampleProject,
} from "../seed/sample-project.ts";
import {
  calls,
  type Circumstances,
  isDone,
  layNode,
  powerOn,
  restart,
  describeNode,
} from "./fake-node.ts";

const manifests = [{ name: "10-flannel.yaml", text: "kind: Namespace\n" }];

/** Milliseconds; seconds on an idle machine, but a busy one has to boot a node two dozen times. */
const MANY_BOOTS = 300_000;

/** What is true of a node that is done, however it came there. */
const expectWhole = (root: string): void => {
  expect(isDone(root)).toBe(true);
  const at = (path: string) => existsSync(join(root, path));
  expect({
    kubelet: at("etc/kubernetes/kubelet.conf"),
    bootstrap: at("etc/kubernetes/bootstrap-kubelet.conf"),
    joinFile: at("etc/pi-image/join.conf"),
    seed: at("var/lib/pi-image/seed"),
    userData: readFileSync(join(root, "boot/firmware/user-data"), "utf8").split(
      "\n",
    )[0],
    metaData: readFileSync(
      join(root, "boot/firmware/meta-data"),
      "utf8",
    ).includes("instance-id: pi-image-"),
  }).toEqual({
    kubelet: true,
    bootstrap: false,
    joinFile: false,
    seed: false,
    userData: "#cloud-config",
    metaData: true,
  });
};

/** The n-th boot loses its power at the n-th sync; returns how often that was. */
const cutAtEverySync = async (is: Circumstances): Promise<number> => {
  const root = await layNode(is);
  for (let boot = 1; boot < 40; boot += 1) {
    writeFileSync(
      join(root, "world/plans/sync"),
      "ok\n".repeat(boot - 1) + "cut\n",
    );
    const { code } = await powerOn(root);
    if (code === 0) {
      expectWhole(root);
      return boot - 1;
    }
    expect(isDone(root)).toBe(existsSync(join(root, "var/lib/pi-image/done")));
    restart(root);
  }
  throw new Error("the node does not come to an end");
};

describeNode("a power cut at every sync", () => {
  it.each([
    ["the first control plane", controlPlane],
    ["a worker", sampleNode],
  ])(
    "leaves %s whole",
    async (_title, node) => {
      const cuts = await cutAtEverySync({
        project: sampleProject,
        node,
        manifests,
        plans: { sync: ["ok"] },
      });
      expect(cuts).toBeGreaterThan(8);
    },
    MANY_BOOTS,
  );
});

describeNode("a power cut in the middle", () => {
  it(
    "of every tool that changes something leaves the first control plane whole",
    async () => {
      const root = await layNode({
        project: sampleProject,
        node: controlPlane,
        installed: [],
        manifests,
        plans: {
          "apt-update": ["cut"],
          "apt-unpack": ["ok", "ok", "cut"],
          "apt-mark": ["cut"],
          "runtime-restart": ["cut"],
          "kubeadm-preflight": ["cut"],
          "kubeadm-init": ["cut"],
          "kubeadm-init-middle": ["cut"],
          "kubeadm-reset": ["cut"],
          "kubectl-apply": ["cut"],
          "kubectl-node": ["cut"],
        },
      });
      let cuts = 0;
      while ((await powerOn(root)).code !== 0) {
        cuts += 1;
        expect(cuts).toBeLessThan(20);
        restart(root);
      }
      expect(cuts).toBe(10);
      expectWhole(root);
      // The cluster was made once.
      const made = calls(root, "kubeadm").filter((call) =>
        call.startsWith("kubeadm init --config"),
      );
      expect(made).toHaveLength(3);
    },
    MANY_BOOTS,
  );
});
