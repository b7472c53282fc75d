// `pi-image restart`, with the real scripts on nodes that are folders and restart as they are told.
import { expect, it } from "vitest";
import { INVENTORY } from "../cluster/cluster-folder.ts";
import { membersLab } from "../cluster/members-lab.ts";
import { describeWithTools } from "../support/tools.ts";

const KERNEL = "the kernel 6.8.0-1101-raspi (6.8.0-1020-raspi runs)";
const SOON = ["--yes", "--patience", "30m"];

describeWithTools(["flock"], "restart", () => {
  it("restarts those that want it, workers first, one after the other", async () => {
    const lab = await membersLab();
    lab.put(
      "cluster/worker1/pods",
      "u1 shop/till ReplicaSet\nu2 kube-system/net DaemonSet\n",
    );
    ["cplane2", "worker1"].forEach(lab.upgrade);
    lab.put("nodes/worker2/run/reboot-required", "");
    lab.put("nodes/worker2/run/reboot-required.pkgs", "libc6\n");
    // A person has cordoned it.
    lab.put("cluster/worker2/cordoned", "");
    // Ubuntu's trial: the old kernel, then the new one, which is on trial at first.
    lab.put("how/worker1", "off\ntrying\nup\n");
    const dry = await lab.pi("restart", "--dry-run");
    expect(dry).toEqual({
      status: 0,
      stderr: "",
      stdout: [
        "One after the other, each when the one before it is Ready again:",
        `  worker1: for ${KERNEL}; its pods go to other nodes first`,
        "  worker2: for libc6; its pods go to other nodes first; stays cordoned, as it is",
        `  cplane2: for ${KERNEL}; its pods go to other nodes first`,
        "",
      ].join("\n"),
    });
    expect(lab.calls()).toBe("");
    const run = await lab.pi("restart", ...SOON);
    expect(run.status, run.stderr).toBe(0);
    expect(run.stdout).toBe("worker1, worker2 and cplane2 were restarted.\n");
    expect(run.stderr.replaceAll(/after .*\./g, "after a while.")).toBe(
      [
        "Evicted from worker1: shop/till",
        "worker1 restarts.",
        "worker1 is back after a while.",
        "worker2 restarts.",
        "worker2 is back after a while.",
        // The fake removes no note in /run.
        "warning: worker2 still wants a restart for libc6",
        "hint: a new kernel that does not start gives way to the one before it; its screen and `journalctl --list-boots` on it tell more",
        "cplane2 restarts.",
        "cplane2 is back after a while.",
        "",
      ].join("\n"),
    );
    expect(lab.calls()).toBe(
      [
        "cplane: drain worker1 restart:boot-1-worker1 300",
        "worker1: restart",
        "cplane: uncordon worker1",
        "cplane: drain worker2 restart:boot-1-worker2 300",
        "worker2: restart",
        "cplane: uncordon worker2",
        "cplane: drain cplane2 restart:boot-1-cplane2 300",
        "cplane2: restart",
        "cplane: uncordon cplane2",
        "",
      ].join("\n"),
    );
    expect(lab.read("nodes/worker1/proc/sys/kernel/random/boot_id")).toBe(
      "boot-1-worker1++\n",
    );
    expect(lab.exists("cluster/worker1/cordoned")).toBe(false);
    expect(lab.exists("cluster/worker2/cordoned")).toBe(true);
  });

  it("stops at the first that does not come back, says how things are, and goes on later", async () => {
    const lab = await membersLab(INVENTORY);
    ["worker1", "worker2"].forEach(lab.upgrade);
    lab.put("how/worker1", "off\n".repeat(500));
    const first = await lab.pi("restart", "--yes", "--patience", "1s");
    expect(first.status).toBe(1);
    expect(first.stderr).toBe(
      [
        "worker1 restarts.",
        "error[NODE_NOT_RESTARTED]: worker1 has not come back within 1s",
        "  worker1: SSH cannot connect: ssh: connect to host worker1 port 22: No route to host",
        "state: worker1 takes no new pods; not restarted: worker2",
        "hint: look at its screen, and at `pi-image doctor worker1`; when it is back, run the same command again: it goes on where it stopped",
        "",
      ].join("\n"),
    );
    // Its kubelet needs a while longer than its SSH server.
    lab.put("boots/worker1", "slow\nslow\nup\n");
    const second = await lab.pi("restart", ...SOON);
    expect(second.status, second.stderr).toBe(0);
    expect(second.stdout).toBe("worker1 and worker2 were restarted.\n");
    expect(lab.calls().match(/^worker1: restart$/gm)).toHaveLength(1);
    expect(lab.exists("cluster/worker1/cordoned")).toBe(false);
    const third = await lab.pi("restart");
    expect(third).toEqual({
      status: 0,
      stdout: "No node wants a restart.\n",
      stderr: "",
    });
  });

  it("goes on wherever the laptop goes away", async () => {
    const lab = await membersLab(INVENTORY);
    lab.upgrade("cplane");
    lab.put("cut/none", "");
    let runs = 0;
    let run: Awaited<ReturnType<typeof lab.pi>>;
    do {
      runs += 1;
      run = await lab.pi("restart", "cplane", ...SOON);
    } while (run.status !== 0 && runs < 12);
    expect(run.status, run.stderr).toBe(0);
    // Cut before and after it was told to restart, and drained, and let pods on again; never twice by itself.
    expect(lab.calls()).not.toContain("has not come back yet");
    expect(lab.exists("cluster/cplane/cordoned")).toBe(false);
    expect(lab.exists("cluster/cplane/mark")).toBe(false);
    expect(lab.read("nodes/cplane/proc/sys/kernel/osrelease")).toBe(
      "6.8.0-1101-raspi\n",
    );
  });

  it("lets pods on again where they do not go, and restarts nothing", async () => {
    const lab = await membersLab(INVENTORY);
    lab.put("cluster/worker1/pods", "u1 shop/protected StatefulSet\n");
    const { status, stderr } = await lab.pi("restart", "worker1", ...SOON);
    expect(status).toBe(1);
    expect(stderr).toBe(
      [
        "error[NODE_NOT_RESTARTED]: worker1 is not restarted, because its pods do not go",
        "  cplane: a PodDisruptionBudget kept these pods for 300 seconds: shop/protected",
        "state: worker1 takes pods again",
        "hint: see to these pods and run the command again, or add --force, which deletes them",
        "",
      ].join("\n"),
    );
    expect(lab.exists("cluster/worker1/cordoned")).toBe(false);
    const forced = await lab.pi("restart", "worker1", "--force", ...SOON);
    expect(forced.status, forced.stderr).toBe(0);
    expect(lab.calls()).not.toContain("with its pods");
  });

  it("restarts no control plane while another is away", async () => {
    const lab = await membersLab();
    lab.switchOff("cplane3");
    const { status, stderr } = await lab.pi("restart", "cplane", ...SOON);
    expect(status).toBe(1);
    expect(stderr).toContain(
      "error[NODE_NOT_RESTARTED]: cplane is not restarted while cplane3 is away: etcd could stop\n",
    );
    expect(lab.calls()).toBe("");
    // Of a worker, and without names, it says only what it does not know.
    lab.upgrade("worker1");
    const others = await lab.pi("restart", ...SOON);
    expect(others.stderr).toContain(
      "warning: it is not known whether cplane3 wants a restart: SSH cannot connect",
    );
    expect(others.stdout).toBe("worker1 was restarted.\n");
    const all = await lab.pi("restart", "--all", ...SOON);
    expect(all.stderr).toContain(
      "error[NODE_NOT_RESTARTED]: a node cannot be restarted from here\n  cplane3: SSH cannot connect",
    );
  });

  it("restarts a lone control plane, which it asks itself", async () => {
    const lab = await membersLab(INVENTORY.replace(/.*worker2.*\n/, ""));
    const dry = await lab.pi("restart", "--all", "--dry-run");
    expect(dry.stdout).toContain(
      "  worker1: its pods go to other nodes first\n  cplane: its pods go to other nodes first; kubectl gets no answer meanwhile\n",
    );
    const { status, stderr, stdout } = await lab.pi(
      "restart",
      "--all",
      ...SOON,
    );
    expect(status, stderr).toBe(0);
    expect(stdout).toBe("worker1 and cplane were restarted.\n");
    expect(lab.calls()).toContain("cplane: uncordon cplane\n");
  });

  it("drains no node that is alone, and waits for no kubelet of a storage node", async () => {
    const lab = await membersLab(
      INVENTORY.replace(
        / {2}- \{name: worker1[^]*/,
        "  - {name: nas, role: storage, storage: sd+usb-data, address: 192.168.77.60/24}\n",
      ),
    );
    lab.put("cluster/cplane/pods", "u1 kube-system/dns ReplicaSet\n");
    const { status, stderr } = await lab.pi("restart", "--all", ...SOON);
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(
      "cplane keeps its pods: there is no other node that takes them.\n",
    );
    expect(lab.calls().replaceAll(/.*with its pods\n/g, "")).toBe(
      "cplane: restart\ncplane: uncordon cplane\nnas: restart\n",
    );
  });

  it("waits while packages are installed, and restarts nothing that is being built", async () => {
    const lab = await membersLab(INVENTORY);
    lab.put("locks/worker1", "/var/lib/dpkg/lock-frontend\n");
    const busy = await lab.pi("restart", "worker1", ...SOON);
    expect(busy.stderr).toContain(
      "  worker1: packages are still being installed on it\n",
    );
    lab.remove("locks");
    lab.remove("nodes/worker1/var/lib/pi-image/done");
    const built = await lab.pi("restart", "worker1", ...SOON);
    expect(built.stderr).toContain(
      "  worker1: pi-image is still building it: `pi-image watch` shows how far it is\n",
    );
    expect(lab.read("boots/worker1")).toBe("");
  });

  it("leaves a node to the command that has drained it", async () => {
    const lab = await membersLab(INVENTORY);
    lab.put("cluster/worker1/mark", "upgrade");
    lab.put("cluster/worker1/cordoned", "");
    const { status, stderr } = await lab.pi("restart", "worker1", ...SOON);
    expect(status).toBe(1);
    expect(stderr).toContain(
      "error[NODE_NOT_RESTARTED]: another command is at work on worker1, or was stopped in the middle: upgrade\n",
    );
    expect(lab.calls()).toBe("");
  });

  it.each([
    [["worker9", "--yes"], 'the inventory has no node "worker9"'],
    [["worker1", "--all"], "--all goes without names"],
    [["worker1"], "there is no terminal to confirm on"],
  ])("refuses %j", async (words, why) => {
    const lab = await membersLab(INVENTORY);
    const { status, stderr } = await lab.pi("restart", ...words);
    expect(status).toBe(2);
    expect(stderr).toContain(`error[WRONG_ARGUMENTS]: ${why}`);
    expect(lab.calls()).toBe("");
  });
});
