// The power of both whole images goes at a random moment of each phase; afterwards they become a cluster all the same.
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, it, onTestFailed } from "vitest";
import { describeAsRoot } from "../../support/tools.ts";
import { twoNodes } from "../support/inventory.ts";
import { makeRandom } from "../support/random.ts";
import { PHASES } from "../support/status.ts";
import { consoleOf, untilTold } from "./console.ts";
import { untilNodeIsDone, type VmNode } from "./node.ts";
import { openRoom, type Room } from "./room.ts";

/** Longer than most phases take with stand-ins, so that the next one is hit now and then. */
const LATEST_MS = 3000;

/** Eleven boots; a minute each on a machine that does something else beside. */
const TEST_MS = 1_800_000;

type Phase = (typeof PHASES)[number];

/** Their stamps do not keep them from running on every boot. */
const EVERY_BOOT: ReadonlySet<string> = new Set([
  "10-clock",
  "20-network",
  "40-runtime",
]);

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

    /** What the node says when it comes to a phase: the last phase before that, of those that this boot runs, is done. */
    const lineBefore = (node: VmNode, phase: Phase, earlier: string) => {
      const done = (name: string) =>
        `[pi-image] ${node.name} ${name.slice(3)}: done`;
      const last = PHASES.slice(0, PHASES.indexOf(phase)).findLast(
        (name) => EVERY_BOOT.has(name) || !earlier.includes(done(name)),
      );
      return last === undefined ? "Started pi-image-node.service" : done(last);
    };

    /** Switches nodes on, and off again at a random moment after the first of them has come to the phase. */
    const cutIn = async (
      phase: Phase,
      ...nodes: readonly [VmNode, ...VmNode[]]
    ) => {
      const [node] = nodes;
      const earlier = await consoleOf(node.spec);
      const machines = await Promise.all(nodes.map((each) => room.boot(each)));
      await untilTold(
        `${phase} on ${node.name}`,
        lineBefore(node, phase, earlier),
        { spec: node.spec, earlier, machines, seconds: 400 },
      );
      await sleep(random.below(LATEST_MS));
      await Promise.all(machines.map((machine) => machine.powerCut()));
    };

    it(
      "both nodes survive a cut in every phase",
      { timeout: TEST_MS },
      async () => {
        onTestFailed(() => {
          room.fail();
          console.log(`To see it again: PI_IMAGE_BOOT_SEED=${random.seed}`);
        });
        const { controlPlane, worker } = room;
        for (const phase of PHASES) {
          await cutIn(phase, controlPlane, worker);
        }
        const first = await room.boot(controlPlane);
        await untilNodeIsDone(controlPlane, first);
        await cutIn("50-kubeadm", worker);
        await cutIn("55-scrub", worker);
        const second = await room.boot(worker);
        await untilNodeIsDone(worker, second);
        for (const node of [controlPlane, worker]) {
          const refused = await node.ssh(
            "sudo grep REFUSED /var/log/stand-ins",
          );
          expect(refused.stdout).toBe("");
        }
      },
    );
  },
);
