// Clusters of Ubuntu and Raspberry Pi OS with real Kubernetes, in containers: each system as the control plane and as a worker.
import { it, onTestFailed } from "vitest";
import { untilDone } from "../nspawn/node.ts";
import { ADDRESSES, CONTROL_PLANE, WORKER } from "../support/inventory.ts";
import { describeWithKubernetes, type Shape } from "./binaries.ts";
import { expectPodsToTalk } from "./pods.ts";
import { expectNames, expectOtherFileToFail } from "./pod-names.ts";
import { openShelf } from "./shelf.ts";

/** Seconds; a busy machine needs a multiple of what a quiet one does. */
const READY = 1800;
const TEST_MS = 3_600_000;

const PAIRS: readonly (readonly [Shape, Shape])[] = [
  ["raspios", "ubuntu"],
  ["ubuntu", "raspios"],
];

describeWithKubernetes("systems that share a cluster", () => {
  for (const [first, second] of PAIRS) {
    it(
      `${first} as the control plane, ${second} as the worker`,
      { timeout: TEST_MS },
      async () => {
        const shelf = await openShelf(
          `kubernetes-${first}-${second}`,
          [
            {
              name: CONTROL_PLANE,
              role: "control-plane",
              address: ADDRESSES[CONTROL_PLANE],
              shape: first,
            },
            {
              name: WORKER,
              role: "worker",
              address: ADDRESSES[WORKER],
              shape: second,
            },
          ],
          [`endpoint: ${CONTROL_PLANE}`],
        );
        onTestFailed(async () => {
          shelf.fail();
          await shelf.close();
        });
        const running = [];
        for (const [name, shape] of [
          [CONTROL_PLANE, first],
          [WORKER, second],
        ] as const) {
          const node = await shelf.card(name);
          running.push({ node, shape, container: await shelf.boot(node) });
        }
        // The unit ends when the node is Ready.
        for (const { node, container } of running) {
          await untilDone(node, container, READY);
        }
        await expectPodsToTalk(shelf, shelf.write);
        for (const { node, shape, container } of running) {
          await expectNames(shelf, node.name, shape, container);
          if (shape === "raspios") {
            await expectOtherFileToFail(shelf, node.name, container);
          }
        }
        await shelf.close();
      },
    );
  }
});
