// Real kubeadm, kubelet and containerd: two images, exactly as flashed, become a cluster whose pods talk across nodes.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, it, onTestFailed } from "vitest";
import { makeRandom } from "../support/random.ts";
import { DONE_FILE } from "../support/status.ts";
import { until } from "../support/until.ts";
import type { Machine } from "../vm/machine.ts";
import { untilNodeIsDone, type VmNode } from "../vm/node.ts";
import { describeWithKubernetes } from "./binaries.ts";
import { openDesk, untilReadyOnThisBoot, type Desk } from "./desk.ts";
import { expectPodsToTalk } from "./pods.ts";

/** Seconds; user-mode Linux on a busy machine needs a multiple of what a Pi needs. */
const READY = 1800;
const TEST_MS = 3_600_000;

describeWithKubernetes("a cluster of real Kubernetes", () => {
  let desk: Desk;
  const random = makeRandom();

  beforeEach(async ({ task }) => {
    desk = await openDesk(`kubernetes-${task.name.split(":")[0]}`);
    return () => desk.close();
  });

  const test = (title: string, body: () => Promise<void>) =>
    it(title, { timeout: TEST_MS }, async () => {
      onTestFailed(() => desk.fail());
      await body();
    });

  const bootBoth = async (): Promise<Map<VmNode, Machine>> => {
    const { controlPlane, worker } = desk;
    return new Map([
      [controlPlane, await desk.boot(controlPlane)],
      [worker, await desk.boot(worker)],
    ]);
  };

  const untilAllAreDone = async (machines: ReadonlyMap<VmNode, Machine>) => {
    await desk.watch(`${READY}s`);
    await untilReadyOnThisBoot(desk, machines, READY);
    for (const [node, machine] of machines) {
      await untilNodeIsDone(node, machine);
    }
  };

  /** Boots, and cuts the power at a random moment after the node unit has told the console this. */
  const cutAfter = async (
    nodes: readonly VmNode[],
    told: VmNode,
    line: string,
    milliseconds: number,
  ) => {
    const before = await readFile(told.spec.log, "utf8").catch(() => "");
    const machines = await Promise.all(nodes.map((node) => desk.boot(node)));
    await until(
      `"${line}" on ${told.name}`,
      async () => {
        const said = await readFile(told.spec.log, "utf8");
        // A fast machine may have come further before the last cut than the test meant it to.
        return said.slice(before.length).includes(`${told.name} ${line}`) ||
          (await told.ssh(`test -e ${DONE_FILE}`)).status === 0
          ? true
          : undefined;
      },
      {
        seconds: READY,
        every: 1000,
        hopeless: () =>
          machines.every((machine) => machine.isOn())
            ? undefined
            : "a machine has ended",
      },
    );
    await sleep(random.below(milliseconds));
    await Promise.all(machines.map((machine) => machine.powerCut()));
  };

  const expectPods = () =>
    expectPodsToTalk(desk, async (text) => {
      const file = join(desk.project.folder, "pods.json");
      await writeFile(file, text);
      return file;
    });

  test("together: both nodes are Ready and pods talk, also after the power was gone", async () => {
    const machines = await bootBoth();
    await untilAllAreDone(machines);
    await expectPods();
    for (const machine of machines.values()) {
      await machine.powerCut();
    }
    await untilReadyOnThisBoot(desk, await bootBoth(), READY);
    await expectPods();
  });

  test("worker-first: the control plane may come a minute later", async () => {
    const { controlPlane, worker } = desk;
    const machines = new Map([[worker, await desk.boot(worker)]]);
    await sleep(60_000);
    machines.set(controlPlane, await desk.boot(controlPlane));
    await untilAllAreDone(machines);
  });

  test("power-cuts: in every part of the way, on both nodes", async () => {
    onTestFailed(() =>
      console.log(`To see it again: PI_IMAGE_BOOT_SEED=${random.seed}`),
    );
    const { controlPlane, worker } = desk;
    const both = [controlPlane, worker];
    await cutAfter(both, controlPlane, "network: done", 10_000);
    await cutAfter(both, controlPlane, "runtime: done", 60_000);
    await cutAfter(both, controlPlane, "kubeadm: Starting", 120_000);
    await cutAfter(both, worker, "kubeadm: Joining", 20_000);
    await cutAfter(both, worker, "runtime: done", 60_000);
    await untilAllAreDone(await bootBoth());
    await expectPods();
  });
});
