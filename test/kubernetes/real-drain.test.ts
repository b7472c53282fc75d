// Real Kubernetes decides what a drained node loses, and what keeps a node from being drained.
import { webcrypto } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  burdenOf,
  deleteNode,
  drainNode,
  lookByOneOf,
  removeMember,
  uncordonNode,
} from "../../src/cluster/nodes/cluster-nodes.ts";
import { makeClusterSecrets } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import { homelab } from "./project.ts";
import {
  type ControlPlane,
  describeWithControlPlane,
  startControlPlane,
} from "./real-control-plane.ts";

const STARTS = 120_000;
const SUPER = "--kubeconfig=/etc/kubernetes/super-admin.conf";

const pod = (name: string, node: string, more: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "shop", ...more },
  spec: {
    nodeName: node,
    // Nobody is there to say that it has ended.
    terminationGracePeriodSeconds: 0,
    tolerations: [{ operator: "Exists" }],
    containers: [{ name: "c", image: "example.invalid/c" }],
    volumes: [{ name: "scratch", emptyDir: {} }],
  },
});

const volume = (name: string, source: object) => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name },
  spec: {
    capacity: { storage: "1Gi" },
    accessModes: ["ReadWriteOnce"],
    ...source,
  },
});

describeWithControlPlane("a drain of a node of real Kubernetes", () => {
  let folder = "";
  let plane: ControlPlane;
  let stop: (() => void) | undefined;
  const path = process.env["PATH"];
  const asked = {
    sshConfig: "ssh_config",
    signal: new AbortController().signal,
  };

  const apply = async (...objects: readonly object[]): Promise<void> => {
    for (const object of objects) {
      await plane.write("/run/object.json", JSON.stringify(object));
      await plane.demand("kubectl", SUPER, "create", "-f", "/run/object.json");
    }
  };

  const patch = async (...words: readonly string[]): Promise<void> => {
    await plane.demand("kubectl", SUPER, "patch", "--type=merge", ...words);
  };

  const running = async (name: string): Promise<void> =>
    patch(
      "pod",
      name,
      "--namespace=shop",
      "--subresource=status",
      `--patch={"status":{"phase":"Running"}}`,
    );

  const podsOf = async (node: string): Promise<string> =>
    (
      await plane.demand(
        "kubectl",
        SUPER,
        "get",
        "pods",
        "--all-namespaces",
        `--field-selector=spec.nodeName=${node}`,
        "--output=jsonpath={.items[*].metadata.name}",
      )
    ).stdout;

  const nodeNamed = async (name: string) => {
    const looked = await lookByOneOf(["cplane"], asked);
    if (!("plane" in looked)) {
      throw new Error(looked.join("; "));
    }
    return looked.nodes.find((node) => node.name === name);
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "pi-image-drain-"));
    const secrets = await makeClusterSecrets(homelab, {
      now: new Date(),
      crypto: webcrypto,
    });
    plane = await startControlPlane(folder, homelab, secrets);
    ({ stop } = plane);
    await plane.start("kube-controller-manager");
    writeFileSync(
      join(folder, "ssh"),
      `#!/bin/bash\nexec ${plane.enter.join(" ")} PI_IMAGE_PATIENCE=5 "\${@:8}"\n`,
    );
    chmodSync(join(folder, "ssh"), 0o755);
    process.env["PATH"] = `${folder}:${path ?? ""}`;
    await apply(
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
      ...["cplane", "worker1", "worker2"].map((name) => ({
        apiVersion: "v1",
        kind: "Node",
        metadata: { name },
      })),
    );
    await patch(
      "node",
      "worker1",
      "--subresource=status",
      `--patch={"status":{"nodeInfo":{"bootID":"b-1"},"conditions":[{"type":"Ready","status":"True"}]}}`,
    );
    await plane.until(
      "kubectl",
      SUPER,
      "get",
      "serviceaccount",
      "default",
      "--namespace=shop",
    );
    const labels = { app: "till" };
    await apply(
      {
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: { name: "till", namespace: "shop" },
        spec: { minAvailable: 1, selector: { matchLabels: labels } },
      },
      volume("photos", {
        nfs: { server: "192.168.1.60", path: "/srv/nfs/photos" },
      }),
      volume("local", {
        local: { path: "/data" },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              {
                matchExpressions: [
                  {
                    key: "kubernetes.io/hostname",
                    operator: "In",
                    values: ["worker1"],
                  },
                ],
              },
            ],
          },
        },
      }),
    );
  }, STARTS);

  afterAll(() => {
    process.env["PATH"] = path;
    stop?.();
    rmSync(folder, { recursive: true, force: true });
  });

  it("evicts what may go, says what may not, and remembers whose cordon it is", async () => {
    await apply({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "till", namespace: "shop" },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: "till" } },
        template: {
          metadata: { labels: { app: "till" } },
          spec: { containers: [{ name: "c", image: "example.invalid/c" }] },
        },
      },
    });
    const { stdout: uid } = await plane.demand(
      "kubectl",
      SUPER,
      "get",
      "deployment/till",
      "--namespace=shop",
      "--output=jsonpath={.metadata.uid}",
    );
    const owned = {
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "Deployment",
          name: "till",
          uid,
          controller: true,
        },
      ],
    };
    await apply(
      pod("till-1", "worker1", { labels: { app: "till" }, ...owned }),
      pod("free", "worker1", owned),
      pod("lonely", "worker1"),
    );
    await running("till-1");
    await running("free");
    await running("lonely");
    expect(
      await burdenOf("cplane", "worker1", ["192.168.1.60"], asked),
    ).toEqual({
      ok: true,
      alone: ["shop/lonely"],
      volumes: ["local", "photos"],
    });
    expect(await nodeNamed("worker1")).toEqual({
      name: "worker1",
      ready: true,
      takesPods: true,
      bootId: "b-1",
      mark: undefined,
    });
    const how = { mark: "restart:b-1", seconds: 2, force: false };
    const drain = (force = false) =>
      drainNode("cplane", "worker1", { ...how, force }, asked);

    // Before anything is evicted.
    expect(await drain()).toEqual({
      ok: false,
      because: "no controller would make these pods again: shop/lonely",
    });
    expect(await podsOf("worker1")).toBe("free lonely till-1");
    await plane.kubectl("delete", "pod", "lonely", "--namespace=shop");
    expect(await drain()).toEqual({
      ok: false,
      because:
        "a PodDisruptionBudget kept these pods for 2 seconds: shop/till-1",
    });
    expect(await podsOf("worker1")).toBe("till-1");
    expect(await nodeNamed("worker1")).toMatchObject({
      takesPods: false,
      mark: "restart:b-1",
    });
    expect(await drain(true)).toEqual({ ok: true, evicted: ["shop/till-1"] });
    expect(await uncordonNode("cplane", "worker1", asked)).toMatchObject({
      ok: true,
    });
    expect(await nodeNamed("worker1")).toMatchObject({
      takesPods: true,
      mark: undefined,
    });

    // What a person has cordoned stays so.
    await plane.kubectl("cordon", "worker1");
    expect(await drain()).toEqual({ ok: true, evicted: [] });
    expect(await uncordonNode("cplane", "worker1", asked)).toMatchObject({
      ok: true,
    });
    expect(await nodeNamed("worker1")).toMatchObject({ takesPods: false });
  }, 240_000);

  it("deletes a dead node and what it ran, again and again", async () => {
    await apply(pod("stuck", "worker2"));
    // A kubelet that is gone never says that it has ended.
    await patch(
      "pod",
      "stuck",
      "--namespace=shop",
      `--patch={"metadata":{"finalizers":["example.invalid/none"]}}`,
    );
    const { ok } = await deleteNode("cplane", "worker2", asked);
    expect(ok).toBe(true);
    expect(await nodeNamed("worker2")).toBeUndefined();
    expect(await deleteNode("cplane", "worker2", asked)).toMatchObject({
      ok: true,
    });
    // Neither a node that is no control plane nor the last member.
    expect(await removeMember("cplane", "worker2", asked)).toMatchObject({
      ok: true,
    });
    expect(await removeMember("cplane", "cplane", asked)).toEqual({
      ok: false,
      because:
        "etcd keeps cplane as a member: etcdserver: re-configuration failed due to not enough started members",
    });
    expect(await lookByOneOf(["cplane"], asked)).toMatchObject({
      members: [
        { name: "cplane", address: "192.168.1.50", votes: true, answers: true },
      ],
    });
  }, 240_000);
});
