// The only control plane's card dies while a worker runs a pod: a fresh card begins with the last backup, and the pod never stops.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFailed } from "vitest";
import { untilDone } from "../nspawn/node.ts";
import { CONTROL_PLANE, WORKER } from "../support/inventory.ts";
import { describeWithKubernetes } from "./binaries.ts";
import { expectPodsToTalk } from "./pods.ts";
import { openShelf, type Shelf, UBUNTU_PAIR } from "./shelf.ts";
import {
  demand,
  expectWorkload,
  lifeOfWorkload,
  startWorkload,
} from "./workload.ts";

/** Seconds; a busy machine needs a multiple of what a quiet one does. */
const READY = 1800;
const TEST_MS = 7_200_000;

/** Of the cluster's first hour; another one means another cluster. */
const clusterId = (shelf: Shelf): Promise<string> =>
  demand(
    "the id of the cluster",
    shelf,
    ..."get namespace kube-system --output=jsonpath={.metadata.uid}".split(" "),
  );

const note = (shelf: Shelf, name: string): Promise<string> =>
  demand(
    `making the ConfigMap ${name}`,
    shelf,
    ..."create configmap --from-literal=is=there".split(" "),
    name,
  );

describeWithKubernetes("a control plane that is restored", () => {
  it(
    "has the state of the backup, and a worker whose pod never stopped",
    { timeout: TEST_MS },
    async () => {
      const shelf = await openShelf("kubernetes-restore", UBUNTU_PAIR, [
        `endpoint: ${CONTROL_PLANE}`,
      ]);
      onTestFailed(async () => {
        shelf.fail();
        await shelf.close();
      });
      const plane = await shelf.card(CONTROL_PLANE);
      const planeRuns = await shelf.boot(plane);
      const worker = await shelf.card(WORKER);
      const workerRuns = await shelf.boot(worker);
      await untilDone(plane, planeRuns, READY);
      await untilDone(worker, workerRuns, READY);

      await startWorkload(shelf);
      await note(shelf, "kept");
      const id = await clusterId(shelf);
      const before = await lifeOfWorkload(workerRuns);

      const kept = await shelf.overSsh("backup");
      expect(kept.status, kept.stderr).toBe(0);
      await note(shelf, "late");
      const backups = join(shelf.project.folder, "desk.backups");
      const [backup = ""] = readdirSync(backups);
      await planeRuns.powerCut();

      await shelf.piImage(
        ..."build --format seed --insecure --host".split(" "),
        CONTROL_PLANE,
        "--restore",
        join(backups, backup),
      );
      const fresh = await shelf.card(CONTROL_PLANE);
      await untilDone(fresh, await shelf.boot(fresh), READY);

      expect(await clusterId(shelf)).toBe(id);
      expect(
        await demand(
          "the ConfigMaps",
          shelf,
          ..."get configmaps kept late --ignore-not-found --output=name".split(
            " ",
          ),
        ),
      ).toBe("configmap/kept");
      // New pods start on the worker: its kubelet follows the restored cluster, and nobody touched it.
      await expectPodsToTalk(shelf, shelf.write);
      await shelf.watch(`${READY}s`);
      expect(await lifeOfWorkload(workerRuns)).toBe(before);
      await expectWorkload(shelf);
      await shelf.close();
    },
  );
});
