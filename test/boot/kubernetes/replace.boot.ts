// Three control planes and a worker of real Kubernetes, in containers: any order of power, and each card replaced by a fresh one.
import { expect, it, onTestFailed } from "vitest";
import type { Container } from "../nspawn/container.ts";
import { untilDone, type NspawnNode } from "../nspawn/node.ts";
import { until } from "../support/until.ts";
import { describeWithKubernetes } from "./binaries.ts";
import { openShelf, type Member, type Shelf } from "./shelf.ts";

/** Seconds; a busy machine needs a multiple of what a quiet one does. */
const READY = 1800;
const TEST_MS = 7_200_000;

const FIRST = "first";
const SECOND = "second";
const THIRD = "third";
const WORKER = "worker1";
const ADDRESSES = {
  [FIRST]: "10.77.0.11",
  [SECOND]: "10.77.0.12",
  [THIRD]: "10.77.0.13",
  [WORKER]: "10.77.0.21",
} as const;
type Name = keyof typeof ADDRESSES;

const CONTROL_PLANES = [FIRST, SECOND, THIRD] as const;

const MEMBERS: readonly Member[] = (Object.keys(ADDRESSES) as Name[]).map(
  (name) => ({
    name,
    role: name === WORKER ? "worker" : "control-plane",
    address: ADDRESSES[name],
    shape: "ubuntu",
  }),
);

/** Asks the API server of one node, so that a second cluster cannot hide behind the endpoint. */
const ask = (shelf: Shelf, at: Name, ...words: readonly string[]) =>
  shelf.kubectl(`--server=https://${ADDRESSES[at]}:6443`, ...words);

/** Of the cluster's first hour; another one means another cluster. */
const clusterId = (shelf: Shelf, at: Name) =>
  ask(
    shelf,
    at,
    "get",
    "namespace",
    "kube-system",
    "--output=jsonpath={.metadata.uid}",
  );

const ETCDCTL = [
  "etcdctl",
  "--cacert=/etc/kubernetes/pki/etcd/ca.crt",
  "--cert=/etc/kubernetes/pki/etcd/server.crt",
  "--key=/etc/kubernetes/pki/etcd/server.key",
];

/** Names of the members that have started and vote, in order. */
const voters = async (shelf: Shelf, at: Name) =>
  (
    await ask(
      shelf,
      at,
      "--namespace=kube-system",
      "exec",
      `etcd-${at}`,
      "--",
      ...ETCDCTL,
      "member",
      "list",
    )
  )
    ?.split("\n")
    .map((line) => line.split(", "))
    .filter(
      ([, state, , , , learner]) => state === "started" && learner === "false",
    )
    .map(([, , name]) => name)
    .toSorted();

describeWithKubernetes("three control planes and a worker", () => {
  it(
    "assemble in any order, and a fresh card takes the place of each that died",
    { timeout: TEST_MS },
    async () => {
      const shelf = await openShelf("kubernetes-replace", MEMBERS, [
        `endpoint: ${FIRST}`,
      ]);
      onTestFailed(async () => {
        shelf.fail();
        await shelf.close();
      });
      const running = new Map<Name, Container>();
      const switchOn = async (name: Name): Promise<NspawnNode> => {
        const node = await shelf.card(name);
        running.set(name, await shelf.boot(node));
        return node;
      };
      const done = async (name: Name, node: NspawnNode) => {
        const container = running.get(name);
        expect(container).toBeDefined();
        if (container !== undefined) {
          await untilDone(node, container, READY);
        }
      };
      const expectWhole = async (id: string | undefined) => {
        for (const at of CONTROL_PLANES) {
          await until(
            `three voters, as ${at} sees them`,
            async () =>
              (await voters(shelf, at))?.join() ===
              CONTROL_PLANES.toSorted().join()
                ? true
                : undefined,
            { seconds: READY, every: 2000 },
          );
          expect(await clusterId(shelf, at)).toBe(id);
        }
      };

      // The one that makes the cluster comes last.
      const nodes: (readonly [Name, NspawnNode])[] = [];
      for (const name of [WORKER, THIRD, SECOND, FIRST] as const) {
        nodes.push([name, await switchOn(name)] as const);
      }
      for (const [name, node] of nodes) {
        await done(name, node);
      }
      const id = await clusterId(shelf, FIRST);
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      await expectWhole(id);
      await shelf.watch(`${READY}s`);

      for (const name of [SECOND, FIRST, THIRD] as const) {
        await running.get(name)?.powerCut();
        await shelf.piImage(
          "build",
          "--host",
          name,
          "--format",
          "seed",
          "--insecure",
        );
        await done(name, await switchOn(name));
        await expectWhole(id);
      }
      await shelf.close();
    },
  );
});
