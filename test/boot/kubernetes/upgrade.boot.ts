// `pi-image upgrade` of a cluster with real Kubernetes, to another version of real Kubernetes. Only the packages are stand-ins.
import { existsSync, readdirSync } from "node:fs";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFailed } from "vitest";
import { runTool } from "../../../src/system/run/run-tool.ts";
import type { Container } from "../nspawn/container.ts";
import { untilDone, type NspawnNode } from "../nspawn/node.ts";
import { CONTROL_PLANE, WORKER } from "../support/inventory.ts";
import { describeWithKubernetes } from "./binaries.ts";
import { expectPodsToTalk } from "./pods.ts";
import { openShelf, UBUNTU_PAIR } from "./shelf.ts";
import { demand, expectWorkload, startWorkload, WORKLOAD } from "./workload.ts";

/** Like PI_IMAGE_KUBE_BIN of a later version that kubeadm upgrades to: kubeadm, kubelet, kubectl and images/kube-*.tar. */
const NEXT = process.env["PI_IMAGE_KUBE_NEXT"] ?? "";

const READY = 1800;
const TEST_MS = 7_200_000;
const REPOSITORY = join(import.meta.dirname, "repository");
const TOOLS = ["kubeadm", "kubelet", "kubectl"];

/** What the package repository of the node has. */
const stock = async ({ root }: NspawnNode, version: string): Promise<void> => {
  const folder = join(root, "opt/next");
  await mkdir(folder, { recursive: true });
  await runTool("cp", [...TOOLS.map((tool) => join(NEXT, tool)), folder]);
  await writeFile(join(folder, "version"), version);
  for (const tool of readdirSync(REPOSITORY)) {
    await copyFile(join(REPOSITORY, tool), join(root, "usr/local/sbin", tool));
  }
  const keys = join(root, "etc/apt/keyrings");
  await mkdir(keys, { recursive: true });
  await writeFile(join(keys, "kubernetes.asc"), "a key");
};

/** What the node would pull from the registry. */
const importImages = async (
  { name, root }: NspawnNode,
  { run }: Container,
): Promise<void> => {
  const wanted = name === WORKER ? /^kube-proxy/ : /^kube-/;
  const images = join(NEXT, "images");
  for (const image of readdirSync(images).filter((one) => wanted.test(one))) {
    const copy = join(root, "opt/next", image);
    await copyFile(join(images, image), copy);
    const done = await run(
      ..."ctr --namespace k8s.io images import".split(" "),
      `/opt/next/${image}`,
    );
    expect(done.status, done.stderr).toBe(0);
    await rm(copy);
  }
};

const describeUpgrade =
  NEXT === "" || !existsSync(join(NEXT, "kubeadm"))
    ? (title: string, body: () => void) =>
        describe.skip(`${title} (needs PI_IMAGE_KUBE_NEXT)`, body)
    : describeWithKubernetes;

describeUpgrade("a cluster that is upgraded", () => {
  it(
    "stops at a pod that nobody would make again, goes on when it is gone, and runs the new version on every node",
    { timeout: TEST_MS },
    async () => {
      const kubeadm = join(NEXT, "kubeadm");
      const told = await runTool(kubeadm, ["version", "--output", "short"]);
      const version = told.stdout.trim().slice(1);
      const shelf = await openShelf("kubernetes-upgrade", UBUNTU_PAIR, [
        `endpoint: ${CONTROL_PLANE}`,
      ]);
      onTestFailed(async () => {
        shelf.fail();
        await shelf.close();
      });
      const nodes = [];
      for (const name of [CONTROL_PLANE, WORKER]) {
        const node = await shelf.card(name);
        await stock(node, version);
        nodes.push({ node, container: await shelf.boot(node) });
      }
      for (const { node, container } of nodes) {
        await untilDone(node, container, READY);
        await importImages(node, container);
      }
      await startWorkload(shelf);

      const upgrade = () => shelf.overSsh("upgrade", "--to", version, "--yes");
      const stopped = await upgrade();
      expect(stopped.stderr).toContain(
        `no controller would make these pods again: default/${WORKLOAD}\nstate: ${WORKER} takes pods again; ${version} runs on ${CONTROL_PLANE}\n`,
      );
      expect(stopped.status).toBe(1);
      await expectWorkload(shelf);
      await demand("its end", shelf, "delete", "pod", WORKLOAD);
      const finished = await upgrade();
      expect(finished.stdout, finished.stderr).toBe(
        `The cluster desk runs Kubernetes ${version}.\n`,
      );
      expect(finished.stderr).not.toContain(`${CONTROL_PLANE}: upgrading`);
      expect(
        await demand(
          "the nodes",
          shelf,
          ..."get nodes --output".split(" "),
          'jsonpath={range .items[*]}{.status.nodeInfo.kubeletVersion} {.status.conditions[?(@.type=="Ready")].status} {.spec.unschedulable}{"\\n"}{end}',
        ),
      ).toBe(`v${version} True \nv${version} True`);
      expect(
        await demand(
          "the API server",
          shelf,
          ..."get --raw /version".split(" "),
        ),
      ).toContain(`"gitVersion": "v${version}"`);
      expect(
        await readFile(join(shelf.project.folder, "cluster.yaml"), "utf8"),
      ).toContain(`kubernetes: "${version}"`);
      await expectPodsToTalk(shelf, shelf.write);
      await shelf.watch(`${READY}s`);
      await shelf.close();
    },
  );
});
