// The power goes at every boundary between two phases, in the middle of the worst steps, and while cloud-init writes.
import { existsSync } from "node:fs";
import { readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it, onTestFailed } from "vitest";
import { describeAsRoot } from "../../support/tools.ts";
import { CONTROL_PLANE, twoNodes, WORKER } from "../support/inventory.ts";
import { PHASES } from "../support/status.ts";
import { openDesk, type Desk } from "./desk.ts";
import {
  cloudInitErrors,
  standInCalls,
  untilDone,
  untilWritten,
  type NspawnNode,
} from "./node.ts";
import { giveOrders, ordersTaken } from "./orders.ts";
import { ALLOWED, filesWithSecrets } from "./scrubbed.ts";

const STAMPS = "/var/lib/pi-image/stamps";

describeAsRoot(
  ["systemd-nspawn", "mmdebstrap", "mcopy", "ip", "sfdisk"],
  "power cuts in containers",
  () => {
    let desk: Desk;

    beforeAll(async () => {
      desk = await openDesk("power-cuts", twoNodes());
      return () => desk.close();
    });

    const test = (title: string, body: () => Promise<void>) =>
      it(title, async () => {
        onTestFailed(() => desk.fail());
        await body();
      });

    const cutAtEachBoundary = async (node: NspawnNode) => {
      for (const phase of PHASES) {
        const container = await desk.boot(node);
        await untilWritten(node, container, join(STAMPS, phase));
        await container.powerCut();
      }
    };

    /** Switches the node on for good and judges what it has become. */
    const expectWhole = async (node: NspawnNode) => {
      const container = await desk.boot(node);
      expect(await cloudInitErrors(node, container)).toEqual([]);
      await untilDone(node, container);
      expect(
        standInCalls(node).filter((line) => line.startsWith("REFUSED")),
      ).toEqual([]);
      expect(await filesWithSecrets(node, desk.secrets())).toEqual(
        ALLOWED[node.name === CONTROL_PLANE ? "control-plane" : "worker"],
      );
      return container;
    };

    const calls = (node: NspawnNode, start: string) =>
      standInCalls(node).filter((line) => line.startsWith(start));

    test("at every boundary between two phases, on both roles", async () => {
      const controlPlane = await desk.node(CONTROL_PLANE);
      await cutAtEachBoundary(controlPlane);
      const first = await expectWhole(controlPlane);
      expect(calls(controlPlane, "kubeadm init --config")).toHaveLength(1);
      const worker = await desk.node(WORKER);
      await cutAtEachBoundary(worker);
      const second = await expectWhole(worker);
      expect(calls(worker, "kubeadm join")).toHaveLength(1);
      await second.powerCut();
      await first.powerCut();
    });

    test("in the middle of an installation, of init and of join; and steps that fail or are killed", async () => {
      const controlPlane = await desk.node(CONTROL_PLANE);
      await giveOrders(controlPlane, "curl", ["fail"]);
      await giveOrders(controlPlane, "apt-get-update", ["fail"]);
      await giveOrders(controlPlane, "apt-get-install", [
        "fail",
        "kill",
        "hang",
      ]);
      let container = await desk.boot(controlPlane);
      await ordersTaken(controlPlane, "apt-get-install", container);
      await container.powerCut();
      await giveOrders(controlPlane, "kubeadm-preflight", ["fail"]);
      await giveOrders(controlPlane, "kubeadm-init", ["kill"]);
      await giveOrders(controlPlane, "kubeadm-init-late", ["hang"]);
      container = await desk.boot(controlPlane);
      await ordersTaken(controlPlane, "kubeadm-init-late", container);
      await container.powerCut();
      await expectWhole(controlPlane);
      expect(calls(controlPlane, "kubeadm reset").length).toBeGreaterThan(0);
      const worker = await desk.node(WORKER);
      await giveOrders(worker, "kubeadm-join", ["fail"]);
      await giveOrders(worker, "kubeadm-join-late", ["hang"]);
      container = await desk.boot(worker);
      await ordersTaken(worker, "kubeadm-join-late", container);
      await container.powerCut();
      await expectWhole(worker);
    });

    test("before the disk has what cloud-init wrote: empty files are written again", async () => {
      const node = await desk.node(CONTROL_PLANE);
      const container = await desk.boot(node);
      await untilWritten(node, container, "/etc/pi-image/node.env");
      await container.powerCut();
      // What ext4 left of files without sync after a cut that really happened: their names.
      expect(existsSync(join(node.root, "var/lib/pi-image/written"))).toBe(
        false,
      );
      for (const folder of [
        "etc/pi-image",
        "usr/local/lib/pi-image",
        "etc/netplan",
      ]) {
        const path = join(node.root, folder);
        for (const entry of existsSync(path)
          ? await readdir(path, { withFileTypes: true })
          : []) {
          if (entry.isFile()) {
            await truncate(join(path, entry.name), 0);
          }
        }
      }
      await expectWhole(node);
    });
  },
);
