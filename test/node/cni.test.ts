// The cni phase: what the first control plane applies, and when a node is Ready.
import { expect, it } from "vitest";
import { controlPlane } from "../seed/sample-project.ts";
import { calls, type Circumstances, describeNode } from "./fake-node.ts";
import { runPhases, saidBy } from "./phase.ts";

const wait = (is: Partial<Circumstances>): Promise<string> =>
  runPhases(["60-cni"], {
    ...is,
    files: {
      "etc/kubernetes/kubelet.conf": "",
      ...(is.node?.role === "control-plane"
        ? { "etc/kubernetes/admin.conf": "" }
        : {}),
    },
  });

const said = (root: string) => saidBy("cni", root);

const applied = (root: string): readonly string[] =>
  calls(root, "kubectl")
    .filter((call) => call.includes(" apply "))
    .map((call) => call.replace(/.*\//, ""));

const flannel = { name: "10-flannel.yaml", text: "kind: Namespace\n" };
const first = { node: controlPlane };

describeNode("cni on the first control plane", () => {
  it("applies every manifest server-side, those that need another one's CRD in a later pass", async () => {
    const root = await wait({
      ...first,
      manifests: [
        { name: "10-policy.yaml", text: "kind: NetworkPolicy\n" },
        { name: "20-crds.yaml", text: "kind: CustomResourceDefinition\n" },
      ],
    });
    expect(said(root)).toEqual([
      "Applying 10-policy.yaml 20-crds.yaml.",
      "done",
    ]);
    expect(applied(root)).toEqual([
      "10-policy.yaml",
      "20-crds.yaml",
      "10-policy.yaml",
    ]);
  });

  it("leaves what a cluster that has them has made of them", async () => {
    const root = await wait({
      ...first,
      manifests: [flannel],
      world: { manifests: "" },
    });
    expect(said(root)).toEqual(["done"]);
    expect(applied(root)).toEqual([]);
  });

  it("applies them again where it could not note that they are applied", async () => {
    const root = await wait({
      ...first,
      manifests: [flannel],
      plans: { "kubectl-manifests": ["fail"] },
    });
    expect(said(root)).toEqual([
      "Applying 10-flannel.yaml.",
      "The API server does not answer yet.",
      "done",
    ]);
    expect(applied(root)).toEqual(["10-flannel.yaml", "10-flannel.yaml"]);
  });

  it("names the manifest that is refused", async () => {
    const root = await wait({
      ...first,
      manifests: [flannel],
      plans: { "kubectl-apply": ["fail", "fail", "fail", "fail", "fail"] },
      says: {
        "kubectl-apply": "Error from server: the object has been deleted",
      },
    });
    expect(said(root)).toEqual([
      "Applying 10-flannel.yaml.",
      "10-flannel.yaml cannot be applied: Error from server: the object has been deleted.",
      "done",
    ]);
  });

  it("applies once, however long the node takes to be Ready", async () => {
    const root = await wait({
      ...first,
      manifests: [flannel],
      world: {
        ready:
          "False container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
      },
      after: { 3: "echo True kubelet is posting ready status >world/ready" },
    });
    expect(said(root)).toEqual([
      "Applying 10-flannel.yaml.",
      "The node is not Ready yet: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized.",
      "done",
    ]);
    expect(applied(root)).toEqual(["10-flannel.yaml"]);
  });

  it("waits for the API server", async () => {
    const root = await wait({
      ...first,
      manifests: [flannel],
      plans: { "kubectl-readyz": ["fail"] },
    });
    expect(said(root)[0]).toBe("The API server does not answer yet.");
  });

  it("does not wait for a pod network that nobody gave it", async () => {
    const root = await wait({ ...first, world: { ready: "False no network" } });
    expect(said(root)).toEqual([
      "No manifest is on this card; the node becomes Ready when a pod network is applied by hand.",
      "done",
    ]);
  });
});

describeNode("cni elsewhere", () => {
  it("waits until the node is Ready", async () => {
    const root = await wait({
      manifests: [flannel],
      world: { ready: "False PLEG is not healthy" },
      after: { 2: "echo True fine >world/ready" },
    });
    expect(said(root)).toEqual([
      "The node is not Ready yet: PLEG is not healthy.",
      "done",
    ]);
    expect(applied(root)).toEqual([]);
  });

  it("makes the kubelet register again with a control plane that began anew", async () => {
    const root = await wait({
      plans: { "kubectl-node": Array.from({ length: 20 }, () => "fail") },
      says: {
        "kubectl-node":
          'Error from server (NotFound): nodes "worker1" not found',
      },
      after: { 2: "echo 200.00 >proc/uptime" },
    });
    expect(said(root)[0]).toBe(
      "The API server does not tell yet how this node is.",
    );
    expect(
      calls(root, "systemctl").filter((call) => call.includes("kubelet"))
        .length,
    ).toBeGreaterThan(0);
  });
});
