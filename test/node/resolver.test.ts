// Which file of DNS servers the kubelet of a node is told, on each kind of system.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { tryTool } from "../../src/system/run/run-tool.ts";
import { controlPlane } from "../seed/sample-project.ts";
import {
  calls,
  type Circumstances,
  describeNode,
  powerOn,
  runOnNode,
} from "./fake-node.ts";
import { dhcpControlPlane, dhcpProject, lay } from "./kubeadm-phase.ts";
import { saidBy } from "./phase.ts";

const SERVER = "nameserver 192.168.1.1\n";
const STUB = "search home\nnameserver 127.0.0.53\noptions edns0\n";
const WITHOUT_RESOLVED = { "world/resolved": undefined };

type Files = NonNullable<Circumstances["files"]>;

/** The kubelet's flags in the document that kubeadm got. */
const flagsOf = (root: string): Readonly<Record<string, string>> => {
  const text = readFileSync(join(root, "run/pi-image/kubeadm.yaml"), "utf8");
  const [first = ""] = text.split("\n---\n");
  const { nodeRegistration } = parse(first) as {
    nodeRegistration: { kubeletExtraArgs: { name: string; value: string }[] };
  };
  return Object.fromEntries(
    nodeRegistration.kubeletExtraArgs.map(({ name, value }) => [name, value]),
  );
};

const SYSTEMS: readonly (readonly [string, Files, string])[] = [
  [
    "systemd-resolved, whose stub stands in /etc/resolv.conf",
    { "etc/resolv.conf": STUB },
    "/run/systemd/resolve/resolv.conf",
  ],
  [
    "NetworkManager, which writes /etc/resolv.conf, as on Raspberry Pi OS",
    { ...WITHOUT_RESOLVED, "etc/resolv.conf": SERVER },
    "/etc/resolv.conf",
  ],
  [
    "dnsmasq of NetworkManager",
    {
      ...WITHOUT_RESOLVED,
      "etc/resolv.conf": "nameserver 127.0.0.1\n",
      "run/NetworkManager/no-stub-resolv.conf": SERVER,
    },
    "/run/NetworkManager/no-stub-resolv.conf",
  ],
  [
    "a stub that answers on IPv6",
    {
      ...WITHOUT_RESOLVED,
      "etc/resolv.conf": "nameserver ::1\n",
      "run/NetworkManager/no-stub-resolv.conf": "nameserver ::1\n",
      "run/resolvconf/resolv.conf": SERVER,
    },
    "/run/resolvconf/resolv.conf",
  ],
];

describeNode("the DNS servers of pods", () => {
  it.each(SYSTEMS)("with %s", async (_, files, file) => {
    for (const node of [dhcpControlPlane, controlPlane]) {
      const root = await lay({
        project: dhcpProject,
        node,
        files,
        plans: { "kubeadm-init": ["cut"] },
      });
      await powerOn(root);
      expect(flagsOf(root)).toEqual({
        "node-ip": "192.168.1.50",
        "resolv-conf": file,
      });
    }
  });

  it("are nobody where a cluster without the internet has none, so that CoreDNS starts", async () => {
    const offline = {
      ...dhcpProject,
      cluster: { ...dhcpProject.cluster, offline: true },
    };
    const resolved = "run/systemd/resolve/resolv.conf";
    for (const [files, file] of [
      [
        { [resolved]: "# No DNS servers known.\n" },
        "/etc/pi-image/resolv.conf",
      ],
      [{ [resolved]: SERVER }, `/${resolved}`],
      [
        { ...WITHOUT_RESOLVED, "etc/resolv.conf": STUB },
        "/etc/pi-image/resolv.conf",
      ],
    ] as const) {
      const root = await lay({
        project: offline,
        node: dhcpControlPlane,
        files: { ...files, "etc/pi-image/.keep": "" },
        plans: { "kubeadm-init": ["cut"] },
      });
      await powerOn(root);
      expect(flagsOf(root)["resolv-conf"]).toBe(file);
      expect(readFileSync(join(root, file), "utf8")).toBe(
        file.startsWith("/run") ? SERVER : "nameserver 192.168.1.50\n",
      );
    }
  });

  it("are waited for where only the node itself is named", async () => {
    const root = await lay({
      project: dhcpProject,
      node: dhcpControlPlane,
      files: { ...WITHOUT_RESOLVED, "etc/resolv.conf": STUB },
      after: { 2: `printf '${SERVER}' >etc/resolv.conf` },
      plans: { "kubeadm-init": ["cut"] },
    });
    await powerOn(root);
    expect(saidBy("kubeadm", root)[0]).toBe(
      "The DNS servers in /etc/resolv.conf are this node itself, which pods cannot ask. Name the server of your network there, or switch systemd-resolved on.",
    );
    expect(flagsOf(root)["resolv-conf"]).toBe("/etc/resolv.conf");
  });

  it("are followed when the system changes its mind, and not without need", async () => {
    const flags = "var/lib/kubelet/kubeadm-flags.env";
    const root = await lay({
      files: {
        ...WITHOUT_RESOLVED,
        "var/lib/pi-image/kubeadm-done": "",
        "etc/resolv.conf": SERVER,
        [flags]:
          'KUBELET_KUBEADM_ARGS="--node-ip=192.168.1.61 --resolv-conf=/run/systemd/resolve/resolv.conf"\n',
      },
    });
    const look = () => runOnNode(root, "usr/local/lib/pi-image/endpoint");
    const { output } = await look();
    expect(output).toContain(
      "<5>The DNS servers of this node stand in /etc/resolv.conf now, no longer in /run/systemd/resolve/resolv.conf; the kubelet follows.",
    );
    expect(readFileSync(join(root, flags), "utf8")).toBe(
      'KUBELET_KUBEADM_ARGS="--node-ip=192.168.1.61 --resolv-conf=/etc/resolv.conf"\n',
    );
    await look();
    expect(
      calls(root, "systemctl").filter((call) => call.includes("restart")),
    ).toEqual(["systemctl restart kubelet.service"]);
  });

  const kubeadm = process.env["PI_IMAGE_KUBEADM"] ?? "";
  it.skipIf(kubeadm === "")(
    "are the node's own where the cluster's document says nothing (needs PI_IMAGE_KUBEADM)",
    async () => {
      const root = await lay({
        project: dhcpProject,
        node: dhcpControlPlane,
        files: { ...WITHOUT_RESOLVED, "etc/resolv.conf": SERVER },
        plans: { "kubeadm-init": ["cut"] },
      });
      await powerOn(root);
      const run = await tryTool("env", [
        `KUBEADM_INIT_DRYRUN_DIR=${root}/run`,
        kubeadm,
        "init",
        "--dry-run",
        "--skip-token-print",
        "--ignore-preflight-errors=all",
        `--config=${root}/run/pi-image/kubeadm.yaml`,
      ]);
      // What kubeadm uploads for all nodes, and what it writes for this one.
      expect(run.stdout).toContain("kind: KubeletConfiguration");
      expect(run.stdout).not.toContain("resolvConf");
      expect(run.stdout).toContain("--resolv-conf=/etc/resolv.conf");
    },
  );
});
