// A cluster of real Kubernetes that is switched off and on again as its certificates end: after 335 days, after 400, and after a year off.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { testFolderPrefix } from "../support/sweep.ts";
import { until } from "../support/until.ts";
import type { Machine } from "../vm/machine.ts";
import { untilNodeIsDone, untilSays, type VmNode } from "../vm/node.ts";
import { describeWithKubernetes } from "./binaries.ts";
import { openDesk, untilReadyOnThisBoot, type Desk } from "./desk.ts";
import { expectPodsToTalk } from "./pods.ts";

/** Seconds; user-mode Linux on a busy machine needs a multiple of what a Pi needs. */
const READY = 1800;
const TEST_MS = 7_200_000;
const DAY = 86_400;

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** Of a control plane, on itself: the laptop's clock is not moved, and no certificate of then is valid for it. */
const OF_CONTROL_PLANE = [
  "/etc/kubernetes/pki/apiserver.crt",
  "/etc/kubernetes/pki/apiserver-kubelet-client.crt",
  "/etc/kubernetes/pki/apiserver-etcd-client.crt",
  "/etc/kubernetes/pki/front-proxy-client.crt",
  "/etc/kubernetes/pki/etcd/server.crt",
  "/etc/kubernetes/pki/etcd/peer.crt",
  "/etc/kubernetes/pki/etcd/healthcheck-client.crt",
];
const OF_KUBELET = "/var/lib/kubelet/pki/kubelet-client-current.pem";

/** Every file is a certificate that lasts for so many days yet by the clock of its node. */
const last = (days: number, files: readonly string[]): string =>
  files
    .map(
      (file) =>
        `sudo openssl x509 -noout -checkend ${days * DAY} -in ${file} >/dev/null`,
    )
    .join(" && ");

describeWithKubernetes("a cluster that grows old", () => {
  let desk: Desk;
  let ahead: string;

  /** Closes the desk whatever happens, and keeps its logs where the life fails. */
  const withDesk = async (live: () => Promise<void>): Promise<void> => {
    const folder = await mkdtemp(testFolderPrefix());
    ahead = join(folder, "ahead");
    await writeFile(ahead, "0");
    desk = await openDesk("kubernetes-birthday", { ahead });
    try {
      await live();
    } catch (error) {
      desk.fail();
      throw error;
    } finally {
      await desk.close();
      await rm(folder, { recursive: true, force: true });
    }
  };

  /** kubectl on the control plane, whose clock is right. */
  const there = (): Desk => ({
    ...desk,
    kubectl: async (...words) => {
      const line = words.map(quote).join(" ");
      const done = await desk.controlPlane.ssh(
        `sudo kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout 20s ${line}`,
      );
      return done.status === 0 ? done.stdout.trim() : undefined;
    },
  });

  const bootBoth = async (): Promise<Map<VmNode, Machine>> => {
    const { controlPlane, worker } = desk;
    return new Map([
      [controlPlane, await desk.boot(controlPlane)],
      [worker, await desk.boot(worker)],
    ]);
  };

  /** The power goes, and comes back so many days after the cluster's first. */
  const sleepUntil = async (
    day: number,
    machines: ReadonlyMap<VmNode, Machine>,
  ): Promise<Map<VmNode, Machine>> => {
    for (const machine of machines.values()) {
      await machine.powerCut();
    }
    await writeFile(ahead, String(day * DAY));
    const awake = await bootBoth();
    const then = Math.floor(Date.now() / 1000) + (day - 1) * DAY;
    for (const [node, machine] of awake) {
      await untilSays(
        node,
        machine,
        `day ${day}`,
        `test "$(date +%s)" -gt ${then}`,
      );
    }
    return awake;
  };

  const expectToLast = async (
    days: number,
    machines: ReadonlyMap<VmNode, Machine>,
  ) => {
    for (const [node, machine] of machines) {
      const files = [
        OF_KUBELET,
        ...(node === desk.controlPlane ? OF_CONTROL_PLANE : []),
      ];
      await untilSays(
        node,
        machine,
        `certificates that last ${days} days`,
        last(days, files),
      );
    }
  };

  const expectPods = () =>
    expectPodsToTalk(there(), async (text) => {
      const file = "/tmp/pods.json";
      const done = await desk.controlPlane.ssh(
        `printf %s ${quote(text)} >${file}`,
      );
      expect(done.status, done.stderr).toBe(0);
      return file;
    });

  it(
    "has its second year's certificates on day 335, works on day 400, and wakes up from a year in a drawer",
    { timeout: TEST_MS },
    () =>
      withDesk(async () => {
        const first = await bootBoth();
        await desk.watch(`${READY}s`);
        await untilReadyOnThisBoot(desk, first, READY);
        for (const [node, machine] of first) {
          await untilNodeIsDone(node, machine);
        }
        await expectPods();

        const second = await sleepUntil(335, first);
        await untilReadyOnThisBoot(there(), second, READY);
        await expectToLast(300, second);

        const third = await sleepUntil(400, second);
        await untilReadyOnThisBoot(there(), third, READY);
        await expectToLast(250, third);
        await expectPods();

        const fourth = await sleepUntil(800, third);
        const { controlPlane, worker } = desk;
        for (const [node, machine] of fourth) {
          if (node === controlPlane) {
            await untilReadyOnThisBoot(
              there(),
              new Map([[node, machine]]),
              READY,
            );
            await expectToLast(300, new Map([[node, machine]]));
          } else {
            const said = await until(
              "a sentence of the worker",
              async () => {
                const { stdout } = await worker.ssh(
                  "cat /var/lib/pi-image/notes/certificates",
                );
                return stdout.includes(" ended on ")
                  ? stdout.trim()
                  : undefined;
              },
              { seconds: READY, every: 2000 },
            );
            expect(said).toMatch(
              /^The certificate of this node ended on \d{4}-\d\d-\d\d: flash its card anew\.$/,
            );
          }
        }
      }),
  );
});
