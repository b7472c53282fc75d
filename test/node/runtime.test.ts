// The runtime phase: kernel settings, and a container runtime that answers.
import { expect, it } from "vitest";
import { sampleNode, sampleProject } from "../seed/sample-project.ts";
import { calls, type Circumstances, describeNode } from "./fake-node.ts";
import { runPhases, saidBy } from "./phase.ts";

const prepare = (is: Partial<Circumstances>): Promise<string> =>
  runPhases(["40-runtime"], is);

/** What the phase complained of; the last line is always that it is done. */
const complaints = (root: string): readonly string[] =>
  saidBy("runtime", root).filter(
    (line) => line !== "done" && !line.startsWith("Preparing"),
  );

describeNode("runtime", () => {
  it("loads modules before it applies the settings that exist only with them", async () => {
    const root = await prepare({});
    expect(complaints(root)).toEqual([]);
    expect(calls(root, "modprobe")).toEqual([
      "modprobe --quiet overlay",
      "modprobe --quiet br_netfilter",
    ]);
    expect(calls(root, "systemctl")).toEqual(
      expect.arrayContaining([
        "systemctl restart systemd-modules-load.service",
        "systemctl mask swap.target",
        "systemctl enable containerd.service",
        "systemctl restart containerd.service",
      ]),
    );
    expect(calls(root, "swapoff")).toEqual(["swapoff --all"]);
  });

  it("is not started while the data disk is missing", async () => {
    const root = await prepare({
      node: {
        ...sampleNode,
        storage: "sd+nvme-data",
        dataMount: "/var/lib/containerd",
      },
      files: { "var/lib/pi-image/stamps/15-data": "boot-1\n" },
      after: { 2: "echo /var/lib/containerd >>world/mounts" },
    });
    expect(complaints(root)).toEqual([
      "The data disk is not mounted on /var/lib/containerd, and the container runtime must not write to the card instead. Check the disk and its power.",
    ]);
    const [first] = calls(root, "systemctl").filter((call) =>
      call.includes("containerd"),
    );
    expect(first).toBe("systemctl enable containerd.service");
  });

  it("starts CRI-O where it is the runtime", async () => {
    const root = await prepare({
      project: {
        ...sampleProject,
        cluster: { ...sampleProject.cluster, runtime: "cri-o" },
      },
    });
    expect(calls(root, "systemctl")).toContain(
      "systemctl restart crio.service",
    );
    expect(calls(root, "crictl")).toEqual([
      "crictl --runtime-endpoint unix:///run/crio/crio.sock info",
    ]);
  });

  it.each([
    [
      "a kernel without the memory cgroup",
      {
        files: { "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io pids" },
        after: { 1: "echo cpu memory >sys/fs/cgroup/cgroup.controllers" },
      },
      "The kernel runs without the memory cgroup: cgroup_enable=memory is missing in the cmdline.txt that this boot used.",
    ],
    [
      "a kernel that does not forward",
      {
        files: { "proc/sys/net/ipv4/ip_forward": "0" },
        after: { 1: "echo 1 >proc/sys/net/ipv4/ip_forward" },
      },
      "The kernel does not forward packets: net.ipv4.ip_forward is not 1 although /etc/sysctl.d asks for it.",
    ],
    [
      "a configuration that containerd does not read",
      {
        plans: { "containerd-config": ["fail"] },
        says: {
          "containerd-config":
            'containerd: failed to load TOML: /etc/containerd/config.toml: expected character "=" but got "["',
        },
      },
      'containerd does not understand /etc/containerd/config.toml: containerd: failed to load TOML: /etc/containerd/config.toml: expected character "=" but got "[".',
    ],
    [
      "a configuration without the systemd cgroup driver",
      {
        files: { "etc/containerd/config.toml": "version = 2\n" },
        after: { 1: "echo SystemdCgroup = true >etc/containerd/config.toml" },
      },
      "/etc/containerd/config.toml does not say SystemdCgroup = true, so the kubelet and containerd would disagree.",
    ],
    [
      "a runtime that does not start",
      {
        plans: { "runtime-restart": ["fail"] },
        says: {
          "runtime-restart":
            "Job for containerd.service failed because the control process exited with error code.",
        },
      },
      "containerd does not start: Job for containerd.service failed because the control process exited with error code.",
    ],
    [
      "a runtime without its Kubernetes interface",
      {
        plans: { "crictl-info": Array.from({ length: 15 }, () => "fail") },
        says: {
          "crictl-info":
            "rpc error: code = Unimplemented desc = unknown service runtime.v1.RuntimeService",
        },
      },
      "containerd runs without its Kubernetes interface: /etc/containerd/config.toml disables the cri plugin.",
    ],
    [
      "a runtime that does not answer",
      {
        plans: { "crictl-info": Array.from({ length: 15 }, () => "fail") },
        says: {
          "crictl-info":
            "FATA[0002] validate service connection: connection refused",
        },
      },
      "containerd has started but does not answer on /run/containerd/containerd.sock: FATA[0002] validate service connection: connection refused.",
    ],
  ] satisfies [string, Partial<Circumstances>, string][])(
    "explains %s, and goes on when it is cured",
    async (_title, is, message) => {
      expect(complaints(await prepare(is))).toEqual([message]);
    },
  );

  it("says that containerd 1 does not serve Kubernetes 1.38, but serves 1.37", async () => {
    const old = { containerd: "v1.7.28" };
    const withMinor = (minor: string) => ({
      ...sampleProject,
      cluster: {
        ...sampleProject.cluster,
        kubernetes: { minor, patch: `${minor}.1` },
      },
    });
    const serves = await prepare({ project: withMinor("1.37"), world: old });
    expect(complaints(serves)).toEqual([]);
    const newer = await prepare({
      project: withMinor("1.38"),
      world: old,
      after: { 1: "echo v2.2.1 >world/containerd" },
    });
    expect(complaints(newer)).toEqual([
      "Kubernetes 1.38 needs containerd 2, and this node has 1.7.28. Use a newer base image or runtime: containerd-docker.",
    ]);
  });

  it("goes on where a module is built in or swap cannot be turned off, and says so", async () => {
    const root = await prepare({
      plans: { "modprobe-overlay": ["fail"], swapoff: ["fail"] },
    });
    expect(complaints(root)).toEqual([
      "The kernel module overlay cannot be loaded; going on without it.",
      "Swap cannot be turned off; the kubelet may refuse to start.",
    ]);
  });
});
