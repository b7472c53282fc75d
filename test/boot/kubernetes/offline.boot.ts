// A cluster of real Kubernetes from cards that carry everything: no server is asked for a package or an image, by either node.
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFailed } from "vitest";
import { countOutside } from "../lan/outside.ts";
import { untilDone } from "../nspawn/node.ts";
import { ADDRESSES, CONTROL_PLANE, WORKER } from "../support/inventory.ts";
import { describeWithKubernetes } from "./binaries.ts";
import {
  givenVersion,
  writeBusyboxAddon,
  writeKubernetesBundle,
} from "./bundle.ts";
import { expectPodsToTalk } from "./pods.ts";
import { openShelf } from "./shelf.ts";

/** Seconds; a busy machine needs a multiple of what a quiet one does. */
const READY = 1800;
const TEST_MS = 3_600_000;

describeWithKubernetes("a cluster without internet", () => {
  it(
    "becomes Ready from its bundle alone, whichever node starts first, and keeps its images",
    { timeout: TEST_MS },
    async () => {
      const shelf = await openShelf(
        "kubernetes-offline",
        [
          {
            name: CONTROL_PLANE,
            role: "control-plane",
            address: ADDRESSES[CONTROL_PLANE],
            shape: "bare",
          },
          {
            name: WORKER,
            role: "worker",
            address: ADDRESSES[WORKER],
            shape: "bare",
          },
        ],
        [
          `endpoint: ${CONTROL_PLANE}`,
          "offline: true",
          "addons: [file:busybox.yaml]",
        ],
        {
          kubernetes: await givenVersion(),
          before: async (folder, { bare }) => {
            await mkdir(folder, { recursive: true });
            await writeBusyboxAddon(folder);
            return ["--bundle", await writeKubernetesBundle(folder, bare)];
          },
          onCard: async (root, folder) => {
            // A container has no partitions; a node whose system moved to a disk has it there, too.
            await mkdir(join(root, "var/lib/pi-image"), { recursive: true });
            await copyFile(
              join(folder, "bundle.tar"),
              join(root, "var/lib/pi-image/bundle.tar"),
            );
          },
        },
      );
      onTestFailed(async () => {
        shelf.fail();
        await shelf.close();
      });
      const outside = await countOutside(shelf.lan);
      const running = [];
      for (const name of [WORKER, CONTROL_PLANE] as const) {
        const node = await shelf.card(name);
        running.push({ node, container: await shelf.boot(node) });
      }
      for (const { node, container } of running) {
        await untilDone(node, container, READY);
      }
      await expectPodsToTalk(shelf, shelf.write);
      for (const { container } of running) {
        const held = await container.run("apt-mark", "showhold");
        expect(held.stdout.split("\n")).toEqual(
          expect.arrayContaining(["kubeadm", "kubectl", "kubelet"]),
        );
        const images = await container.run(
          "ctr",
          "--namespace=k8s.io",
          "images",
          "list",
        );
        const named = images.stdout
          .split("\n")
          .filter((line) => /^(registry\.k8s\.io|ghcr\.io)\/[^@]+:/.test(line));
        expect(named.length).toBeGreaterThan(7);
        for (const line of named) {
          expect(line).toContain("io.cri-containerd.pinned=pinned");
        }
      }
      expect(await outside()).toBe(0);
      // The counter counts: a packet that a node is told to send.
      await running[0]?.container.run(
        "bash",
        "-c",
        "echo >/dev/udp/192.0.2.1/9",
      );
      expect(await outside()).toBe(1);
      await shelf.close();
    },
  );
});
