// Whole first boots, from a bare base to a node that is done, with what stands on the screen.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  controlPlane,
  sampleNode,
  sampleProject,
} from "../seed/sample-project.ts";
import {
  calls,
  COMPLETE,
  isDone,
  layNode,
  leftToDo,
  powerOn,
  restart,
  screen,
  status,
  statuses,
  describeNode,
} from "./fake-node.ts";

const INSTALLING =
  "packages: Installing kubelet=1.36.5-1.1 kubeadm=1.36.5-1.1 kubectl=1.36.5-1.1 containerd kubernetes-cni cri-tools conntrack socat ethtool iptables.";

const EARLIER = "2026-11-20T07:00:00Z";

/** As the status has it. */
const secondOf = (time: Date): string =>
  time.toISOString().replace(/\.\d+Z$/, "Z");

const isBetween = (first: string, last: string) => (time: unknown) =>
  typeof time === "string" && first <= time && time <= last;

describeNode("a first boot", () => {
  it("makes the first control plane", async () => {
    const root = await layNode({
      project: sampleProject,
      node: controlPlane,
      installed: [],
      manifests: [{ name: "10-flannel.yaml", text: "kind: Namespace\n" }],
    });
    const began = secondOf(new Date());
    expect(await powerOn(root)).toMatchObject({ code: 0 });
    expect(screen(root)).toEqual([
      "clock: done",
      "network: eth0 has the address 192.168.1.50.",
      "network: done",
      "packages: Updating the lists of packages.",
      INSTALLING,
      "packages: done",
      "runtime: Preparing the kernel and containerd.",
      "runtime: done",
      "kubeadm: Checking the node and fetching the images of the control plane.",
      "kubeadm: Starting the control plane with kubeadm init; this takes some minutes.",
      "kubeadm: done",
      "scrub: Removing the secrets of the seed from this card.",
      "scrub: done",
      "cni: Applying 10-flannel.yaml.",
      "cni: done",
      "done: cplane is a control-plane of the cluster homelab.",
    ]);
    const { since, ...rest } = status(root);
    expect(since).toSatisfy(isBetween(began, secondOf(new Date())));
    expect(rest).toEqual({
      schemaVersion: 1,
      node: "cplane",
      role: "control-plane",
      cluster: "homelab",
      phase: "done",
      state: "done",
      message: "cplane is a control-plane of the cluster homelab.",
      attempt: 1,
      kubernetes: "v1.36.5",
      joinEnds: "",
    });
  });

  it("makes a worker, which does nothing when it is switched on again", async () => {
    const root = await layNode({
      project: sampleProject,
      node: sampleNode,
      installed: [],
    });
    expect(await powerOn(root)).toMatchObject({ code: 0 });
    const shown = screen(root);
    expect(shown.slice(-6)).toEqual([
      "kubeadm: Joining the cluster with kubeadm join.",
      "kubeadm: done",
      "scrub: Removing the secrets of the seed from this card.",
      "scrub: done",
      "cni: done",
      "done: worker1 is a worker of the cluster homelab.",
    ]);
    const before = readFileSync(join(root, "world/calls"), "utf8");
    restart(root);
    expect(await powerOn(root)).toEqual({ code: 0, output: "" });
    expect(readFileSync(join(root, "world/calls"), "utf8")).toBe(before);
    expect(screen(root)).toEqual(shown);
  });
});

describeNode("the runner", () => {
  const waiting = {
    project: sampleProject,
    node: sampleNode,
    files: {
      ...leftToDo("20-network"),
      "sys/class/net/eth0/carrier": "0",
    },
  };

  it("says what it waits for once, and keeps in the status since when and how often it tried", async () => {
    const root = await layNode({
      ...waiting,
      after: {
        // As if it had begun earlier: otherwise all of this is within a second.
        3: `sed -i '2s/.*/${EARLIER}/' run/pi-image/problem-network`,
        12: "echo 1 >sys/class/net/eth0/carrier",
      },
    });
    const began = secondOf(new Date());
    await powerOn(root);
    const since = statuses(root)[0]?.["since"];
    expect(since).toSatisfy(isBetween(began, secondOf(new Date())));
    const message =
      "eth0 has no link. Plug in the network cable, or check the switch.";
    expect(screen(root).filter((line) => line.includes(message))).toHaveLength(
      1,
    );
    expect(statuses(root)).toEqual(
      Array.from({ length: 12 }, (_, index) => ({
        schemaVersion: 1,
        node: "worker1",
        role: "worker",
        cluster: "homelab",
        phase: "network",
        state: "waiting",
        message,
        attempt: index + 1,
        since: index < 3 ? since : EARLIER,
        kubernetes: "v1.36.5",
        joinEnds: "2099-05-26T00:00:00Z",
      })),
    );
  });

  it("waits ten seconds at most for others, and a minute at most after a failure of its own", async () => {
    const pauses = (root: string): readonly number[] =>
      calls(root, "sleep").map((call) => Number(call.replace("sleep ", "")));
    const waits = await layNode({
      ...waiting,
      after: { 12: "echo 1 >sys/class/net/eth0/carrier" },
    });
    await powerOn(waits);
    expect(Math.max(...pauses(waits))).toBeLessThanOrEqual(10);
    expect(Math.min(...pauses(waits).slice(-5))).toBeGreaterThanOrEqual(5);
    const fails = await layNode({
      project: sampleProject,
      node: sampleNode,
      files: leftToDo("30-packages"),
      plans: { dpkg: Array.from({ length: 9 }, () => "fail") },
    });
    await powerOn(fails);
    expect(Math.max(...pauses(fails))).toBeLessThanOrEqual(60);
    expect(Math.min(...pauses(fails).slice(-3))).toBeGreaterThanOrEqual(30);
  });

  it("names a step that fails where nobody expected it", async () => {
    const root = await layNode({
      project: sampleProject,
      node: sampleNode,
      files: leftToDo("40-runtime"),
      plans: { "systemctl-enable": ["fail"] },
    });
    await powerOn(root);
    expect(screen(root)).toContain(
      'runtime: The step "systemctl enable "$service.service"" ended with code 1; journalctl -u pi-image-node has its output.',
    );
    expect(isDone(root)).toBe(true);
  });

  it("says that a phase was killed", async () => {
    const root = await layNode({
      project: sampleProject,
      node: sampleNode,
      files: leftToDo("40-runtime"),
      plans: { swapoff: ["kill-parent"] },
    });
    await powerOn(root);
    expect(screen(root)).toContain(
      "runtime: The phase was stopped with code 137, perhaps for lack of memory.",
    );
  });

  it("says that the disk is full when not even a stamp can be written, and goes on when there is room", async () => {
    const root = await layNode({
      project: sampleProject,
      node: sampleNode,
      files: {
        ...leftToDo("10-clock"),
        // What a folder in the way and a full disk have in common: the file cannot be written.
        "var/lib/pi-image/stamps/10-clock.new/full": "",
        "var/lib/pi-image/status.json.new/full": "",
      },
      after: {
        2: "rm -r var/lib/pi-image/*.new var/lib/pi-image/stamps/*.new",
      },
    });
    expect(await powerOn(root)).toMatchObject({ code: 0 });
    expect(screen(root)).toEqual([
      "clock: The root partition is full or read-only; free space on it or use a larger card.",
      "clock: done",
      "done: worker1 is a worker of the cluster homelab.",
    ]);
    expect(status(root)).toMatchObject({ state: "done" });
  });

  it("writes to every console, and to the system's where none is named", async () => {
    const both = await layNode({
      ...waiting,
      installed: COMPLETE,
      files: {
        ...waiting.files,
        "sys/class/net/eth0/carrier": "1",
        "sys/class/tty/console/active": "ttyAMA10 tty1",
        "dev/ttyAMA10": "",
        "dev/console": "",
      },
    });
    await powerOn(both);
    const on = (name: string) => readFileSync(join(both, "dev", name), "utf8");
    expect(on("ttyAMA10")).toBe(on("tty1"));
    expect(on("console")).toBe("");
    const container = await layNode({
      ...waiting,
      files: {
        ...waiting.files,
        "sys/class/net/eth0/carrier": "1",
        "sys/class/tty/console/active": "ttyS0",
        "dev/console": "",
      },
    });
    await powerOn(container);
    expect(readFileSync(join(container, "dev/console"), "utf8")).toContain(
      "[pi-image] worker1 network: done",
    );
    expect(existsSync(join(container, "dev/ttyS0"))).toBe(false);
  });
});
