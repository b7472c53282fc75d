// What the inventory chooses, in containers: each CNI, each storage mode that has nothing to copy, the boards they need.
import { expect, it, onTestFailed } from "vitest";
import { describeAsRoot } from "../../support/tools.ts";
import { CONTROL_PLANE, twoNodes, WORKER } from "../support/inventory.ts";
import { openDesk } from "./desk.ts";
import { cloudInitErrors, standInCalls, untilDone } from "./node.ts";
import { ALLOWED, filesWithSecrets } from "./scrubbed.ts";

const CHOICES = [
  { cni: "calico", storage: "nvme" },
  { cni: "cilium", storage: "sd" },
] as const;

describeAsRoot(
  ["systemd-nspawn", "mmdebstrap", "mcopy", "ip", "sfdisk"],
  "choices of the inventory in containers",
  () => {
    for (const { cni, storage } of CHOICES) {
      it(`${cni} on ${storage}: both roles end, and the first one has applied its network`, async () => {
        const inventory = twoNodes({
          cluster: [`cni: ${cni}`],
          defaults: [`storage: ${storage}`],
        });
        const desk = await openDesk(`choices-${cni}`, inventory);
        onTestFailed(async () => {
          desk.fail();
          await desk.close();
        });
        for (const name of [CONTROL_PLANE, WORKER] as const) {
          const node = await desk.node(name);
          const container = await desk.boot(node);
          expect(await cloudInitErrors(node, container)).toEqual([]);
          await untilDone(node, container);
          const calls = standInCalls(node);
          expect(calls.filter((line) => line.startsWith("REFUSED"))).toEqual(
            [],
          );
          expect(
            calls.some((line) =>
              line.match(`^kubectl .*apply .*10-cni-${cni}[.]yaml`),
            ),
          ).toBe(name === CONTROL_PLANE);
          expect(await filesWithSecrets(node, desk.secrets())).toEqual(
            ALLOWED[name === CONTROL_PLANE ? "control-plane" : "worker"],
          );
        }
        await desk.close();
      });
    }
  },
);
