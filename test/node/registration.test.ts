// A node that its cluster has forgotten, as one that was restored to a state from before: the kubelet registers it again.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { sampleNode, sampleProject } from "../seed/sample-project.ts";
import {
  calls,
  describeNode,
  layNode,
  leftToDo,
  runOnNode,
} from "./fake-node.ts";

const lay = (): Promise<string> =>
  layNode({
    project: sampleProject,
    node: sampleNode,
    files: {
      ...leftToDo(),
      "etc/hosts": "127.0.0.1 localhost\n",
      "etc/kubernetes/kubelet.conf": "server: https://cplane:6443\n",
      "var/lib/pi-image/done": "",
      "var/lib/pi-image/kubeadm-done": "",
    },
    plans: { "kubectl-node": ["ok"] },
    says: {
      "kubectl-node": 'Error from server (NotFound): nodes "worker1" not found',
    },
  });

/** What the timer does after so many minutes since the power came; whether the API server knows the node. */
const look = async (root: string, minutes: number, known: boolean) => {
  writeFileSync(join(root, "proc/uptime"), `${30 + minutes * 60}.00 0.00\n`);
  const plan = join(root, "world/plans/kubectl-node");
  rmSync(plan, { force: true });
  if (!known) {
    writeFileSync(plan, "fail\n");
  }
  return (await runOnNode(root, "usr/local/lib/pi-image/endpoint")).output;
};

const restarts = (root: string): number =>
  calls(root, "systemctl").filter((call) =>
    call.endsWith("restart kubelet.service"),
  ).length;

describeNode("a node that its cluster does not know", () => {
  it("registers again, but not while somebody may be taking it out", async () => {
    const root = await lay();
    await look(root, 0, false);
    await look(root, 5, false);
    expect(restarts(root)).toBe(0);
    await look(root, 7, false);
    expect(restarts(root)).toBe(0);
    expect(await look(root, 12, false)).toContain(
      "<5>The cluster does not know worker1 any more. Its kubelet starts anew, which registers it.\n",
    );
    expect(restarts(root)).toBe(1);
  });

  it("is left alone where the cluster knows it again, or does not answer", async () => {
    const root = await lay();
    await look(root, 0, true);
    await look(root, 5, false);
    await look(root, 6, true);
    await look(root, 11, true);
    await look(root, 12, false);
    await look(root, 17, false);
    writeFileSync(
      join(root, "world/says/kubectl-node"),
      "Unable to connect to the server: dial tcp: i/o timeout\n",
    );
    await look(root, 18, false);
    await look(root, 23, false);
    writeFileSync(
      join(root, "world/says/kubectl-node"),
      'Error from server (NotFound): nodes "worker1" not found\n',
    );
    await look(root, 24, false);
    await look(root, 29, false);
    expect(restarts(root)).toBe(0);
  });
});
