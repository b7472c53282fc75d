// `pi-image node remove`, with the real scripts on nodes that are folders.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { INVENTORY } from "../cluster/cluster-folder.ts";
import { membersLab, THREE_PLANES, VIRTUAL } from "../cluster/members-lab.ts";
import { describeWithTools } from "../support/tools.ts";

const without = (inventory: string, name: string): string =>
  inventory.replace(new RegExp(`^.*name: ${name},.*\n`, "m"), "");

const TWO_PLANES = without(THREE_PLANES, "cplane3");

describeWithTools(["flock"], "node remove", () => {
  it("lets a worker go: its pods, its kubelet, its Node, its credentials, its line", async () => {
    const lab = await membersLab(INVENTORY);
    const { pi, put, folder } = lab;
    put(
      "cluster/worker1/pods",
      "u1 shop/till ReplicaSet\nu2 kube-system/net DaemonSet\n",
    );
    mkdirSync(join(folder, "out/worker1"), { recursive: true });
    writeFileSync(join(folder, "out/worker1.img"), "");
    writeFileSync(join(folder, "out/ssh_config"), "Host worker1\n");
    const run = await pi("node", "remove", "worker1", "--yes");
    expect(run).toEqual({
      status: 0,
      stderr: [
        "Evicted from worker1: shop/till",
        "Kubernetes on worker1 has ended.",
        "The cluster has forgotten worker1.",
        "Removed the host key and the join identity of worker1 from the secrets file.",
        "",
      ].join("\n"),
      stdout: [
        "worker1 has left, and its lines are out of cluster.yaml.",
        "Switch it off, and flash its card anew before it is used again.",
        "Delete what was built for it, which holds its right to join: rm -r out/worker1 out/worker1.img",
        "",
      ].join("\n"),
    });
    expect(lab.calls()).toBe(
      [
        "cplane: drain worker1 remove 300",
        "worker1: retire",
        "worker1: kubeadm reset --force --skip-phases=remove-etcd-member",
        "cplane: delete worker1",
        "",
      ].join("\n"),
    );
    expect(lab.inventory()).toBe(without(INVENTORY, "worker1"));
    expect(lab.nodes()).not.toContain("worker1");
    expect(lab.exists("nodes/worker1/etc/kubernetes/kubelet.conf")).toBe(false);
    expect(Object.keys((await lab.kept())?.nodes ?? {})).not.toContain(
      "worker1",
    );
    const hosts = readFileSync(join(folder, "out/ssh_config"), "utf8");
    expect(hosts).toContain("Host worker2\n");
    expect(hosts).not.toContain("worker1");
    const again = await pi("node", "remove", "worker1", "--yes");
    expect(again.status).toBe(2);
    expect(again.stderr).toContain(
      "error[WRONG_ARGUMENTS]: there is no node worker1",
    );
  });

  it("takes a control plane out of etcd while it still votes, the first one, too", async () => {
    const lab = await membersLab();
    const dry = await lab.pi("node", "remove", "cplane", "--dry-run");
    expect(dry).toEqual({
      status: 0,
      stderr: "",
      stdout: [
        "cplane leaves for good:",
        "  - its pods are evicted, and start on other nodes",
        "  - cplane2 takes it out of etcd; etcd has two members left and needs both: add a third soon, or remove one more",
        "  - its kubelet and its containers stop, and the keys on its card are deleted",
        "  - the cluster forgets it",
        "  - the secrets file and the inventory forget cplane",
        "",
      ].join("\n"),
    });
    expect(lab.calls()).toBe("");
    const { status, stderr } = await lab.pi(
      "node",
      "remove",
      "cplane",
      "--yes",
    );
    expect(status, stderr).toBe(0);
    expect(lab.calls()).toBe(
      [
        "cplane2: drain cplane remove 300",
        "cplane2: leave cplane",
        "cplane: retire",
        "cplane: kubeadm reset --force --skip-phases=remove-etcd-member",
        "cplane2: delete cplane",
        "",
      ].join("\n"),
    );
    expect(lab.members()).not.toContain("cplane ");
    expect(lab.exists("nodes/cplane/etc/kubernetes/pki")).toBe(false);
    expect(lab.exists("nodes/cplane/var/lib/etcd/member")).toBe(false);
    expect(lab.inventory()).toBe(without(THREE_PLANES, "cplane"));

    // From two to one, while both live.
    const next = await lab.pi("node", "remove", "cplane3", "--yes");
    expect(next.status, next.stderr).toBe(0);
    expect(lab.members()).toContain("cplane2 ");
    expect(lab.members().split("\n")).toHaveLength(2);
  });

  it("goes on wherever the laptop goes away", async () => {
    const lab = await membersLab();
    lab.put("cut/none", "");
    for (let run = 0; run < 20; run += 1) {
      const { status, stderr } = await lab.pi(
        "node",
        "remove",
        "cplane2",
        "--yes",
      );
      if (status === 0) {
        break;
      }
      expect(stderr).toContain("error[NODE_NOT_REMOVED]");
      expect(lab.inventory()).toBe(THREE_PLANES);
    }
    expect(lab.nodes()).not.toContain("cplane2");
    expect(lab.members()).not.toContain("cplane2");
    expect(lab.exists("nodes/cplane2/kubelet-disabled")).toBe(true);
    expect(lab.inventory()).toBe(without(THREE_PLANES, "cplane2"));
    expect(lab.calls()).not.toContain("comes back");
  });

  it("forgets a dead worker without waiting for its pods, and says what to do with its card", async () => {
    const lab = await membersLab(INVENTORY);
    lab.put("cluster/worker2/pods", "u1 shop/lonely\n");
    lab.switchOff("worker2");
    const dry = await lab.pi("node", "remove", "worker2", "--dry-run");
    expect(dry.stdout).toContain(
      "  - it does not answer: the cluster forgets it, and its pods, without waiting for them. Where it has only lost its network they run on, so switch it off first\n",
    );
    const { status, stdout, stderr } = await lab.pi(
      "node",
      "remove",
      "worker2",
      "--yes",
    );
    expect(status, stderr).toBe(0);
    expect(stdout).toContain(
      "Its card still has its keys: do not switch worker2 on again, and flash the card anew. If it is lost or stolen: pi-image node revoke worker2\n",
    );
    expect(lab.calls()).toBe("cplane: delete worker2\n");
    expect(lab.inventory()).toBe(without(INVENTORY, "worker2"));
  });

  it("takes a dead control plane of three out, asking the next one", async () => {
    const lab = await membersLab();
    lab.switchOff("cplane");
    const { status, stderr } = await lab.pi(
      "node",
      "remove",
      "cplane",
      "--yes",
    );
    expect(status, stderr).toBe(0);
    expect(lab.calls()).toBe("cplane2: leave cplane\ncplane2: delete cplane\n");
  });

  it("removes a node whose line a person took out first", async () => {
    const lab = await membersLab(INVENTORY);
    writeFileSync(
      join(lab.folder, "cluster.yaml"),
      without(INVENTORY, "worker1"),
    );
    const refused = await lab.pi("node", "remove", "worker1", "--yes");
    expect(refused.stderr).toContain(
      "error[NODE_NOT_REMOVED]: worker1 runs, and SSH does not reach it: it would come back when its kubelet starts again\n  worker1: the inventory does not have it\n",
    );
    lab.switchOff("worker1");
    const { status, stdout, stderr } = await lab.pi(
      "node",
      "remove",
      "worker1",
      "--yes",
    );
    expect(status, stderr).toBe(0);
    expect(stdout).toContain("worker1 has left.\n");
    expect(lab.nodes()).not.toContain("worker1");
    expect(Object.keys((await lab.kept())?.nodes ?? {})).not.toContain(
      "worker1",
    );
  });

  it("says which pods do not go, and deletes them with --force", async () => {
    const lab = await membersLab(INVENTORY);
    lab.put(
      "cluster/worker1/pods",
      "u1 shop/protected StatefulSet\nu2 shop/free ReplicaSet\n",
    );
    const first = await lab.pi("node", "remove", "worker1", "--yes");
    expect(first.status).toBe(1);
    expect(first.stderr).toBe(
      [
        "error[NODE_NOT_REMOVED]: the pods of worker1 do not go",
        "  cplane: a PodDisruptionBudget kept these pods for 300 seconds: shop/protected",
        "state: worker1 takes no new pods, and is in the cluster; `kubectl uncordon worker1` takes that back",
        "hint: see to these pods and run the command again, or add --force, which deletes them",
        "",
      ].join("\n"),
    );
    const forced = await lab.pi(
      "node",
      "remove",
      "worker1",
      "--yes",
      "--force",
    );
    expect(forced.status, forced.stderr).toBe(0);
    expect(forced.stderr).toContain("Evicted from worker1: shop/protected\n");
  });

  const REFUSED: readonly (readonly [
    what: string,
    name: string,
    inventory: string,
    off: readonly string[],
    says: readonly string[],
  ])[] = [
    [
      "the only control plane",
      "cplane",
      VIRTUAL,
      [],
      ["cplane is the only control plane: without it there is no cluster"],
    ],
    [
      "the control plane that is the endpoint",
      "cplane",
      TWO_PLANES.replace(/.*virtualAddress.*\n/, ""),
      [],
      [
        "cplane is the endpoint of the cluster: every node asks the API server there, by that name",
      ],
    ],
    [
      "a dead one of two",
      "cplane2",
      TWO_PLANES,
      ["cplane2"],
      [
        "no control plane can take cplane2 out of the cluster",
        "  cplane: etcd has no majority of its members (etcdserver: request timed out)",
        "hint: switch on the control planes that are whole, cplane2 too, until more than half of etcd's members run; if they are lost for good, docs/day-2.md says how the cluster begins again from a snapshot",
      ],
    ],
    [
      "a live one, while another is dead",
      "cplane2",
      THREE_PLANES,
      ["cplane3"],
      [
        "without cplane2 etcd would have no majority: of 2 members 1 would answer",
        "  cplane3 at 192.168.77.61 does not answer",
        "hint: switch on cplane3, or remove it first",
      ],
    ],
    [
      "a node that nobody can ask about",
      "worker1",
      INVENTORY,
      ["cplane"],
      [
        "no control plane can take worker1 out of the cluster",
        "  cplane: SSH cannot connect: ssh: connect to host cplane port 22: No route to host",
      ],
    ],
  ];

  it.each(REFUSED)(
    "refuses %s, and changes nothing",
    async (_, name, inventory, off, says) => {
      const lab = await membersLab(inventory);
      off.forEach(lab.switchOff);
      const { status, stderr } = await lab.pi("node", "remove", name, "--yes");
      for (const line of says) {
        expect(stderr).toContain(`${line}\n`);
      }
      expect(stderr).toContain("state: nothing was changed\n");
      expect(status).toBe(1);
      expect(lab.calls()).toBe("");
      expect(lab.inventory()).toBe(inventory);
      expect(Object.keys((await lab.kept())?.nodes ?? {})).toContain(name);
    },
  );

  it("keeps volumes and lonely pods unless told otherwise", async () => {
    const lab = await membersLab(INVENTORY);
    lab.put(
      "volumes",
      "photos shop/photos worker2\nfilms - 192.168.77.52\nother - nas\n",
    );
    lab.put("cluster/worker2/pods", "u1 shop/lonely\n");
    const { status, stderr } = await lab.pi(
      "node",
      "remove",
      "worker2",
      "--yes",
    );
    expect(status).toBe(1);
    expect(stderr).toBe(
      [
        "error[NODE_NOT_REMOVED]: worker2 has what would be lost with it",
        "  the pod shop/lonely, which no controller makes again",
        "  the volume photos (claim shop/photos)",
        "  the volume films",
        "state: nothing was changed",
        "hint: move it or delete it; with --force it is lost",
        "",
      ].join("\n"),
    );
  });

  it("removes no node that others need", async () => {
    const inventory = THREE_PLANES.replace(
      /^ {2}- \{name: worker2.*$/m,
      "  - {name: worker2, role: worker}\n  - {name: nas, role: storage, storage: sd+usb-data, address: 192.168.77.52/24}",
    );
    const lab = await membersLab(inventory);
    lab.put("volumes", "photos shop/photos 192.168.77.52\n");
    const refused = await lab.pi("node", "remove", "nas", "--yes");
    expect(refused.stderr).toContain(
      "  the volume photos (claim shop/photos)\n",
    );
    lab.put("volumes", "");
    const { status, stdout, stderr } = await lab.pi(
      "node",
      "remove",
      "nas",
      "--yes",
    );
    expect(status, stderr).toBe(0);
    expect(stdout).toContain("kubectl delete storageclass nfs\n");
    expect(lab.calls()).toBe("cplane: delete nas\n");
  });

  it("asks, and leaves all as it is without an answer", async () => {
    const lab = await membersLab(INVENTORY);
    const { status, stderr } = await lab.pi("node", "remove", "worker1");
    expect(status).toBe(2);
    expect(stderr).toContain(
      "hint: to remove worker1 without being asked, add --yes\n",
    );
    expect(lab.calls()).toBe("");
  });

  it("edits an inventory that has never been built", async () => {
    const lab = await membersLab(INVENTORY);
    rmSync(lab.secretsFile);
    const { status, stderr } = await lab.pi(
      "node",
      "remove",
      "worker1",
      "--yes",
    );
    expect(status, stderr).toBe(0);
    expect(lab.inventory()).toBe(without(INVENTORY, "worker1"));
  });
});

describe("node add", () => {
  it.each([
    [
      VIRTUAL,
      "2 control planes are worse than 1: etcd needs both, and stops when either is away. Add a third soon.",
    ],
    [
      TWO_PLANES,
      "With 3 control planes the cluster goes on while 1 of them is away.",
    ],
  ])("says what another control plane means", async (inventory, says) => {
    const lab = await membersLab(inventory);
    const { status, stdout, stderr } = await lab.pi(
      ..."node add cplane9 --role control-plane --address 192.168.77.69/24".split(
        " ",
      ),
    );
    expect(status, stderr).toBe(0);
    expect(stdout).toContain(`${says}\n`);
  });
});
