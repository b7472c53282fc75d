// The power of both whole images goes at a random moment of each phase; afterwards they become a cluster all the same.
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, it, onTestFailed } from "vitest";
import { describeAsRoot } from "../../support/tools.ts";
import { twoNodes } from "../support/inventory.ts";
import { makeRandom } from "../support/random.ts";
import { PHASES } from "../support/status.ts";
import { until } from "../support/until.ts";
import type { Machine } from "./machine.ts";
import { untilNodeIsDone, type VmNode } from "./node.ts";
import { openRoom, type Room } from "./room.ts";

/** Longer than most phases take with stand-ins, so that the next one is hit now and then. */
const LATEST_MS = 3000;

describeAsRoot(
  ["mmdebstrap", "mcopy", "ip", "sfdisk", "dnsmasq", "ssh"],
  "power cuts of whole images",
  () => {
    let room: Room;
    const random = makeRandom();

    beforeAll(async () => {
      room = await openRoom("vm-power-cuts", { inventory: twoNodes() });
      return () => room.close();
    });

    /** A phase begins when the one before it has told the console that it is done, on this boot or on an earlier one. */
    const untilBegun = (node: VmNode, machine: Machine, phase: string) => {
      const index = PHASES.findIndex((name) => name === phase);
      const before = PHASES[index - 1]?.slice(3);
      const line =
        before === undefined
          ? "Started pi-image-node.service"
          : `[pi-image] ${node.name} ${before}: done`;
      return until(
        `${phase} on ${node.name}`,
        async () =>
          (await machine.console()).includes(line) ? true : undefined,
        {
          seconds: 400,
          hopeless: () =>
            machine.isOn() ? undefined : "the machine has ended",
          where: async () => {
            const lines = (await machine.console()).split("\n");
            return (
              lines.findLast((line) => line.includes("[pi-image]")) ??
              "the node unit has not said anything"
            );
          },
        },
      );
    };

    it("both nodes survive a cut in every phase", async () => {
      onTestFailed(() => {
        room.fail();
        console.log(`To see it again: PI_IMAGE_BOOT_SEED=${random.seed}`);
      });
      const { controlPlane, worker } = room;
      for (const phase of PHASES) {
        const machines = await Promise.all(
          [worker, controlPlane].map((node) => room.boot(node)),
        );
        const [, machine] = machines;
        if (machine === undefined) {
          throw new Error("two machines");
        }
        await untilBegun(controlPlane, machine, phase);
        await sleep(random.below(LATEST_MS));
        await Promise.all(machines.map((each) => each.powerCut()));
      }
      const first = await room.boot(controlPlane);
      await untilNodeIsDone(controlPlane, first);
      for (const phase of ["50-kubeadm", "70-scrub"]) {
        const machine = await room.boot(worker);
        await untilBegun(worker, machine, phase);
        await sleep(random.below(LATEST_MS));
        await machine.powerCut();
      }
      const second = await room.boot(worker);
      await untilNodeIsDone(worker, second);
      for (const node of [controlPlane, worker]) {
        const refused = await node.ssh("sudo grep REFUSED /var/log/stand-ins");
        expect(refused.stdout).toBe("");
      }
    });
  },
);
