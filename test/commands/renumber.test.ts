// `pi-image renumber`, with the real script on nodes that are folders, and the real netplan.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { INVENTORY } from "../cluster/cluster-folder.ts";
import { membersLab, THREE_PLANES, VIRTUAL } from "../cluster/members-lab.ts";
import { describeWithTools } from "../support/tools.ts";

const OLD = "192.168.77.";

/** The control plane and worker2 take each other's, with another gateway. */
const NEW = INVENTORY.replace("gateway: 192.168.77.1", "gateway: 192.168.77.9")
  .replace("77.52/24", "77.FIRST/24")
  .replace("77.50/24", "77.52/24")
  .replace("77.FIRST/24", "77.50/24");

const NETPLAN = "etc/netplan/50-cloud-init.yaml";

const renumberLab = async (inventory = INVENTORY) => {
  const lab = await membersLab(inventory);
  for (const { name, role } of lab.project.nodes) {
    const node = `nodes/${name}`;
    lab.put(`${node}/${NETPLAN}`, "network: {version: 2}\n");
    lab.put(`${node}/boot/firmware/network-config`, "network: {version: 2}\n");
    lab.put(
      `${node}/usr/local/lib/pi-image/own-address.sh`,
      readFileSync(
        packageFile("cloud-init/files/usr/local/lib/pi-image/own-address.sh"),
        "utf8",
      ),
    );
    lab.put(
      `${node}/etc/pi-image/node.env`,
      `PI_IMAGE_ADDRESS='${role === "control-plane" ? `${OLD}50` : name === "worker2" ? `${OLD}52` : ""}'\nPI_IMAGE_ENDPOINT_ADDRESS='${OLD}50'\nPI_IMAGE_CONTROL_PLANES='a=${OLD}50 b=${OLD}52,${OLD}50'\nPI_IMAGE_OTHER='1${OLD}50 ${OLD}502'\n`,
    );
    lab.put(
      `${node}/etc/pi-image/kubeadm.yaml`,
      `  advertiseAddress: ${OLD}50\n  x: https://${OLD}50:6443\n`,
    );
  }
  writeFileSync(join(lab.folder, "new.yaml"), NEW);
  return lab;
};

/** What the cluster keeps of kubeadm's document, as kubeadm writes it. */
const KUBEADM_CONFIG = `apiServer:
  certSANs:
  - homelab-api
  - ${OLD}40
  - ${OLD}50
  extraArgs:
  - name: x
    value: y
caCertificateValidityPeriod: 87600h0m0s
`;

const MOVED = THREE_PLANES.replaceAll(OLD, "10.0.0.");

const severalPlanes = async () => {
  const lab = await renumberLab(THREE_PLANES);
  lab.put("kubeadm-config", KUBEADM_CONFIG);
  writeFileSync(join(lab.folder, "new.yaml"), MOVED);
  return lab;
};

const MEMBERS = `cplane 100 ${OLD}50\ncplane2 101 ${OLD}60\ncplane3 102 ${OLD}61\n`;
const TOLD = `cplane 100 ${OLD}50 10.0.0.50\ncplane2 101 ${OLD}60 10.0.0.60\ncplane3 102 ${OLD}61 10.0.0.61\n`;

const CERTIFICATES = "var/lib/pi-image/kubeadm-certificates.yaml";

describeWithTools(["flock", "netplan"], "several control planes", () => {
  it("have etcd know them at both addresses before any node is told", async () => {
    const lab = await severalPlanes();
    const dry = await lab.pi("renumber", "new.yaml", "--dry-run");
    expect(dry.stderr).toBe("");
    expect(dry.stdout).toBe(
      [
        "  192.168.77.50 becomes 10.0.0.50",
        "  192.168.77.60 becomes 10.0.0.60",
        "  192.168.77.61 becomes 10.0.0.61",
        "  192.168.77.52 becomes 10.0.0.52",
        "  192.168.77.40 becomes 10.0.0.40",
        "etcd is told first: it looks for cplane, cplane2 and cplane3 at both addresses until each has come up with its new one.",
        "cplane, cplane2, cplane3, worker1 and worker2 are told over SSH at the old addresses, then switched off.",
        "",
      ].join("\n"),
    );
    expect(lab.members()).toBe(MEMBERS);
    const run = await lab.pi("renumber", "new.yaml", "--yes");
    expect(run.stderr).toBe("");
    expect(run.stdout).toBe(
      [
        "The nodes are switching off. Move them, and switch them on: they begin with their new addresses.",
        "The cluster runs when any 2 of the 3 control planes are up; the order does not matter.",
        "cluster.yaml has the new addresses. When this computer is in the new network: `pi-image kubeconfig`, then `pi-image watch`.",
        "",
      ].join("\n"),
    );
    expect(lab.members()).toBe(TOLD);
    // Control planes that join later get certificates for what is true then.
    expect(lab.read("kubeadm-config-patch")).toBe(
      `data:
  ClusterConfiguration: |
    apiServer:
      certSANs:
        - homelab-api
        - 10.0.0.40
        - cplane
        - cplane.local
        - 10.0.0.50
        - cplane2
        - cplane2.local
        - 10.0.0.60
        - cplane3
        - cplane3.local
        - 10.0.0.61
        - 127.0.0.1
      extraArgs:
      - name: x
        value: y
    caCertificateValidityPeriod: 87600h0m0s
`,
    );
    for (const name of ["cplane", "cplane2", "cplane3"]) {
      expect(lab.read(`nodes/${name}/${CERTIFICATES}`)).toContain(
        `advertiseAddress: 10.0.0.${{ cplane: 50, cplane2: 60, cplane3: 61 }[name] ?? ""}\n`,
      );
    }
    expect(lab.exists(`nodes/worker1/${CERTIFICATES}`)).toBe(false);
    expect(lab.inventory()).toBe(MOVED);
    expect(lab.exists("off/cplane3")).toBe(true);
  });

  it("are told nothing while etcd has no majority", async () => {
    const lab = await severalPlanes();
    lab.switchOff("cplane2");
    lab.switchOff("cplane3");
    const { status, stderr } = await lab.pi("renumber", "new.yaml", "--yes");
    expect(status).toBe(1);
    expect(stderr).toBe(
      [
        "error[NODE_NOT_RENUMBERED]: etcd could not be told of the new addresses",
        "  cplane: etcd has no majority of its members (etcdserver: request timed out)",
        "  cplane2: SSH cannot connect: ssh: connect to host cplane2 port 22: No route to host",
        "  cplane3: SSH cannot connect: ssh: connect to host cplane3 port 22: No route to host",
        "state: the nodes run with their old addresses, and keep them",
        "hint: most control planes have to run, in the old network: switch them on, and run the same command again",
        "",
      ].join("\n"),
    );
    expect(lab.inventory()).toBe(THREE_PLANES);
    expect(lab.read(`nodes/cplane/${NETPLAN}`)).not.toContain("10.0.0.");
  });

  it("goes on from what an earlier run did, and with the others where one is dead", async () => {
    const lab = await severalPlanes();
    lab.switchOff("cplane3");
    lab.put("etcd-refuses", "");
    const first = await lab.pi("renumber", "new.yaml", "--yes");
    expect(first.stderr).toContain(
      "  cplane: etcd does not take the new address of cplane: etcdserver: request timed out\n",
    );
    lab.remove("etcd-refuses");
    // Half of it was done.
    lab.put("etcd", MEMBERS.replace(`${OLD}50`, `${OLD}50 10.0.0.50`));
    const second = await lab.pi("renumber", "new.yaml", "--yes");
    expect(second.stderr).toContain(
      "error[NODE_NOT_RENUMBERED]: cplane3 could not be told of the new addresses\n",
    );
    expect(lab.members()).toBe(TOLD);
    expect(lab.exists("off/cplane")).toBe(false);
    const third = await lab.pi("renumber", "new.yaml", "--yes", "--force");
    expect(third.status, third.stderr).toBe(0);
    expect(third.stderr).toContain(
      "hint: if no earlier run has told it, flash it anew: pi-image flash TARGET --host cplane3\n",
    );
    expect(lab.members()).toBe(TOLD);
  });

  it("do not move without a majority of them, whatever is forced", async () => {
    const lab = await severalPlanes();
    // Their etcd runs; netplan on them does not take the network.
    lab.remove(`nodes/cplane2/${NETPLAN}`);
    lab.remove(`nodes/cplane3/${NETPLAN}`);
    const { status, stderr } = await lab.pi(
      "renumber",
      "new.yaml",
      "--yes",
      "--force",
    );
    expect(status).toBe(1);
    expect(stderr).toContain(
      "hint: remove the cause and run the same command again; --force needs 2 of the 3 control planes, without which the cluster does not run\n",
    );
    expect(lab.inventory()).toBe(THREE_PLANES);
    expect(lab.exists("off/cplane")).toBe(false);
  });

  const planOf = async (inventory: string): Promise<string> => {
    const lab = await membersLab(inventory);
    writeFileSync(
      join(lab.folder, "new.yaml"),
      inventory.replaceAll(OLD, "10.0.0."),
    );
    const { status, stdout, stderr } = await lab.pi(
      "renumber",
      "new.yaml",
      "--dry-run",
    );
    expect(status, stderr).toBe(0);
    return stdout;
  };
  const ETCD_FIRST =
    /^etcd is told first: it looks for (.+) at both addresses/m;

  it.each([
    [
      "one of them",
      THREE_PLANES.replace("virtualAddress: 192.168.77.40", "endpoint: cplane"),
      "cplane, cplane2 and cplane3",
    ],
    [
      "a name of DNS",
      THREE_PLANES.replace(
        "virtualAddress: 192.168.77.40",
        "endpoint: api.example.org",
      ),
      "cplane, cplane2 and cplane3",
    ],
    ["the virtual address of a lone one", VIRTUAL, "cplane"],
  ])("move where the endpoint is %s", async (endpoint, inventory, planes) => {
    const plan = await planOf(inventory);
    expect(ETCD_FIRST.exec(plan)?.[1]).toBe(planes);
    expect(plan.includes("  192.168.77.40 becomes 10.0.0.40\n")).toBe(
      endpoint.includes("virtual"),
    );
  });

  it("leave etcd alone where they keep their addresses", async () => {
    const lab = await severalPlanes();
    writeFileSync(
      join(lab.folder, "new.yaml"),
      THREE_PLANES.replace("77.52/24", "77.53/24"),
    );
    const run = await lab.pi("renumber", "new.yaml", "--yes");
    expect(run.stderr).toBe("");
    expect(run.stdout).not.toContain("control planes are up");
    expect(lab.members()).toBe(MEMBERS);
  });

  it("are flashed anew where an earlier pi-image made their cards", async () => {
    const lab = await severalPlanes();
    lab.put(
      "nodes/cplane2/usr/local/lib/pi-image/own-address.sh",
      "# peer-address, of a lone control plane\n",
    );
    const { stderr } = await lab.pi("renumber", "new.yaml", "--yes");
    expect(stderr).toContain(
      "  cplane2: its card was made by an earlier pi-image: flash it anew\n",
    );
    expect(lab.read(`nodes/cplane2/${NETPLAN}`)).toBe(
      "network: {version: 2}\n",
    );
  });
});

describeWithTools(["flock", "netplan"], "renumber", () => {
  it("tells every node, and switches them off", async () => {
    const lab = await renumberLab();
    const dry = await lab.pi("renumber", "new.yaml", "--dry-run");
    expect(dry).toEqual({
      status: 0,
      stderr: "",
      stdout: [
        "  192.168.77.50 becomes 192.168.77.52",
        "  192.168.77.52 becomes 192.168.77.50",
        "cplane, worker1 and worker2 are told over SSH at the old addresses, then switched off.",
        "",
      ].join("\n"),
    });
    expect(lab.calls()).toBe("");
    const run = await lab.pi("renumber", "new.yaml", "--yes");
    expect(run).toEqual({
      status: 0,
      stderr: "",
      stdout:
        "The nodes are switching off. Move them, and switch them on: they begin with their new addresses.\ncluster.yaml has the new addresses. When this computer is in the new network: `pi-image kubeconfig`, then `pi-image watch`.\n",
    });
    expect(lab.inventory()).toBe(NEW);
    for (const [name, own] of [
      ["cplane", "192.168.77.52"],
      ["worker1", ""],
      ["worker2", "192.168.77.50"],
    ] as const) {
      expect(lab.exists(`off/${name}`)).toBe(true);
      expect(lab.read(`nodes/${name}/etc/pi-image/node.env`)).toBe(
        `PI_IMAGE_ADDRESS='${own}'\nPI_IMAGE_ENDPOINT_ADDRESS='192.168.77.52'\nPI_IMAGE_CONTROL_PLANES='a=192.168.77.52 b=192.168.77.50,192.168.77.52'\nPI_IMAGE_OTHER='1${OLD}50 ${OLD}502'\n`,
      );
      expect(lab.read(`nodes/${name}/etc/pi-image/kubeadm.yaml`)).toBe(
        "  advertiseAddress: 192.168.77.52\n  x: https://192.168.77.52:6443\n",
      );
      for (const file of [NETPLAN, "boot/firmware/network-config"]) {
        const network = lab.read(`nodes/${name}/${file}`);
        if (own === "") {
          expect(network).toBe("network: {version: 2}\n");
        } else {
          expect(network).toContain(`- ${own}/24`);
          expect(network).toContain("via: 192.168.77.9");
        }
      }
    }
  });

  it("changes nothing where a node does not take its network, and goes on later", async () => {
    const lab = await renumberLab();
    lab.remove(`nodes/worker2/${NETPLAN}`);
    lab.switchOff("worker1");
    const first = await lab.pi("renumber", "new.yaml", "--yes");
    expect(first.status).toBe(1);
    expect(first.stderr).toBe(
      [
        "error[NODE_NOT_RENUMBERED]: worker1 and worker2 could not be told of the new addresses",
        "  worker1: SSH cannot connect: ssh: connect to host worker1 port 22: No route to host",
        "  worker2: netplan does not keep its network: flash its card anew",
        "state: the nodes run with their old addresses; cplane will begin with the new ones",
        "hint: remove the cause and run the same command again; nodes that an earlier run has switched off, or that will be flashed anew, are left out with --force",
        "",
      ].join("\n"),
    );
    expect(lab.inventory()).toBe(INVENTORY);
    expect(lab.exists("off/cplane")).toBe(false);
    expect(lab.read("nodes/worker2/etc/pi-image/node.env")).toContain(
      `ADDRESS='${OLD}52'`,
    );
    // Told once, or a swap would be undone.
    lab.put(`nodes/worker2/${NETPLAN}`, "network: {version: 2}\n");
    const second = await lab.pi("renumber", "new.yaml", "--yes", "--force");
    expect(second.status, second.stderr).toBe(0);
    expect(second.stderr).toBe(
      "warning: worker1 could not be told of the new addresses: SSH cannot connect: ssh: connect to host worker1 port 22: No route to host\nhint: if no earlier run has told it, flash it anew: pi-image flash TARGET --host worker1\n",
    );
    expect(lab.read("nodes/cplane/etc/pi-image/node.env")).toContain(
      "PI_IMAGE_ENDPOINT_ADDRESS='192.168.77.52'\n",
    );
    expect(lab.exists("off/cplane")).toBe(true);
  });

  it("takes no network that netplan does not", async () => {
    const lab = await renumberLab();
    lab.put(
      "nodes/worker2/usr/local/lib/pi-image/own-address.sh",
      "# of an earlier pi-image\n",
    );
    const { stderr } = await lab.pi("renumber", "new.yaml", "--yes");
    expect(stderr).toContain(
      "  worker2: its card was made by an earlier pi-image: flash it anew\n",
    );
    expect(lab.read(`nodes/worker2/${NETPLAN}`)).toBe(
      "network: {version: 2}\n",
    );
  });

  it.each([
    [
      "another name",
      INVENTORY,
      INVENTORY.replace("worker2", "worker3"),
      "new.yaml says something else, too, than other addresses",
    ],
    [
      "DHCP instead",
      INVENTORY,
      INVENTORY.replace(", address: 192.168.77.52/24", ""),
      "new.yaml says something else, too, than other addresses",
    ],
    [
      "the same",
      INVENTORY,
      INVENTORY,
      "new.yaml has the addresses that the nodes have",
    ],
    [
      "the address of another control plane",
      THREE_PLANES,
      THREE_PLANES.replace("77.60/24", "77.62/24").replace(
        "77.50/24",
        "77.60/24",
      ),
      "cplane would get 192.168.77.60, which cplane2 has now, and etcd has to know both control planes at it for a while",
    ],
    [
      "another virtual address alone",
      VIRTUAL,
      VIRTUAL.replace("77.40", "77.41"),
      "homelab-api would get another address, and cplane would keep its own: API servers get certificates for the one with the other",
    ],
  ])("refuses %s", async (_, old, now, why) => {
    const lab = await membersLab(old);
    writeFileSync(join(lab.folder, "new.yaml"), now);
    const { status, stderr } = await lab.pi("renumber", "new.yaml", "--yes");
    expect(status).toBe(1);
    expect(stderr).toContain(`error[NODE_NOT_RENUMBERED]: ${why}\n`);
    expect(stderr).toContain("state: nothing was changed\n");
    expect(lab.calls()).toBe("");
    expect(existsSync(join(lab.folder, "out"))).toBe(false);
  });
});
