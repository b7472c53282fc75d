// `pi-image upgrade`, with the real scripts on nodes that are folders, and the manifests of the tests in place of the published ones.
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  makeOfflinePackage,
  type OfflinePackage,
} from "../boot/support/offline-package.ts";
import { INVENTORY } from "../cluster/cluster-folder.ts";
import { membersLab, THREE_PLANES } from "../cluster/members-lab.ts";
import { sampleSnapshot } from "../cluster/sample-snapshot.ts";
import { resultOf } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";
import { listIfThere } from "../../src/system/read-if-there.ts";

const SOON = ["--yes", "--patience", "30m"];
const TO = ["upgrade", "--to", "1.37", ...SOON];

/** In the third year of a cluster, say. */
const LOCK = {
  schema: 1,
  kubernetes: { minor: "1.36", patch: "1.36.5" },
  bases: [],
  manifests: [],
  keys: [],
};

describeWithTools(["flock", "sha256sum"], "upgrade", () => {
  const packageFolder = mkdtempSync(join(tmpdir(), "pi-image-upgrade-"));
  let offline: OfflinePackage;
  beforeAll(async () => {
    offline = await makeOfflinePackage(packageFolder);
  });
  afterAll(() => {
    rmSync(packageFolder, { recursive: true });
  });

  const upgradeLab = async (inventory = INVENTORY) => {
    const lab = await membersLab(inventory);
    const kept = await lab.kept();
    writeFileSync(
      join(lab.lab, "state"),
      sampleSnapshot(kept?.ca.certificate ?? ""),
    );
    const lockFile = join(lab.folder, "cluster.lock.json");
    writeFileSync(lockFile, JSON.stringify(LOCK));
    return {
      ...lab,
      pi: (...words: readonly string[]) =>
        resultOf(
          spawn(
            process.execPath,
            ["--import", import.meta.resolve("tsx"), offline.cli, ...words],
            {
              cwd: lab.folder,
              env: {
                ...lab.env,
                HOME: lab.folder,
                PI_IMAGE_CACHE_HOME: offline.cache,
                // Nothing listens there: whatever is not in the cache is missed.
                https_proxy: "http://127.0.0.1:1",
              },
              stdio: ["ignore", "pipe", "pipe"],
            },
          ),
        ),
      backups: () => listIfThere(join(lab.folder, "homelab.backups")),
      lock: (): { readonly cluster?: { readonly kubernetes?: string } } =>
        JSON.parse(readFileSync(lockFile, "utf8")) as object,
      installed: (node: string) =>
        ["kubeadm", "kubelet", "kubectl"].map((tool) =>
          lab.read(`nodes/${node}/installed/${tool}`).trim(),
        ),
    };
  };

  it("brings three control planes and their workers to the next minor", async () => {
    const lab = await upgradeLab(THREE_PLANES);
    lab.put(
      "cluster/worker1/pods",
      "u1 shop/till ReplicaSet\nu2 kube-system/net DaemonSet\n",
    );
    lab.put("cluster/worker2/cordoned", "");
    lab.put(
      "nodes/cplane2/etc/kubernetes/manifests/kube-vip.yaml",
      "    image: ghcr.io/kube-vip/kube-vip:v1.0.0\n",
    );
    lab.put(
      "nodes/worker1/var/lib/pi-image/status.json",
      '{"schemaVersion":1,"node":"worker1","kubernetes":"v1.36.5","notes":{}}\n',
    );
    const dry = await lab.pi("upgrade", "--to", "1.37", "--dry-run");
    expect(dry).toEqual({
      status: 0,
      stderr: expect.stringMatching(/^check flannel .*\n$/),
      stdout: [
        "Kubernetes 1.36.5 to 1.37.1, one node after the other, each when the one before it is Ready again:",
        "  first the packages onto every node, and a backup of the cluster's state",
        "  cplane: 1.36.5 to 1.37.1; its control plane and its etcd; its kubelet, without its pods",
        "  cplane2: 1.36.5 to 1.37.1; its control plane and its etcd; its kubelet, without its pods",
        "  cplane3: 1.36.5 to 1.37.1; its control plane and its etcd; its kubelet, without its pods",
        "  then in the cluster: kube-vip, flannel",
        "  worker1: 1.36.5 to 1.37.1; its kubelet, without its pods",
        "  worker2: 1.36.5 to 1.37.1; its kubelet, without its pods; stays cordoned, as it is",
        "",
      ].join("\n"),
    });
    expect(lab.calls()).toBe("");
    const run = await lab.pi(...TO);
    expect(run.status, run.stderr).toBe(0);
    expect(run.stdout).toBe("The cluster homelab runs Kubernetes 1.37.1.\n");
    expect(
      run.stderr
        .replaceAll(/after .*\./g, "after a while.")
        .replace(/homelab-.*\.db/, "homelab-TIME.db")
        .split("\n")
        .filter((line) => !/ has fetched |^(check|fetch) /.test(line)),
    ).toEqual([
      "homelab.backups/homelab-TIME.db holds the cluster's state from before.",
      ...["cplane", "cplane2", "cplane3"].flatMap((name) => [
        `${name}: upgrading the control plane; this takes some minutes.`,
        `${name}: its control plane runs 1.37.1.`,
        `${name} runs 1.37.1, Ready after a while.`,
      ]),
      "cluster.yaml says 1.37 now.",
      "Evicted from worker1: shop/till",
      "worker1 runs 1.37.1, Ready after a while.",
      "worker2 runs 1.37.1, Ready after a while.",
      "",
    ]);
    expect(
      lab
        .calls()
        .split("\n")
        .filter((line) => !line.includes(": fetch ")),
    ).toEqual([
      ...["cplane", "cplane2", "cplane3"].flatMap((name, index) => [
        `${name}: plane 1.37.1 ${index === 0 ? "first" : "next"}`,
        `${name}: installs kubeadm 1.37.1`,
        `${name}: kubeadm upgrade ${index === 0 ? "apply v1.37.1 --yes" : "node"}`,
        `${index === 0 ? "cplane2" : "cplane"}: drain ${name} upgrade 300`,
        `${name}: kubelet 1.37.1 https://pkgs.k8s.io/core:/stable:/v1.37/deb/`,
        `${name}: installs kubelet 1.37.1`,
        `${name}: installs kubectl 1.37.1`,
        `${index === 0 ? "cplane2" : "cplane"}: uncordon ${name}`,
      ]),
      ...["cplane", "cplane2", "cplane3"].map((name) =>
        expect.stringMatching(
          `^${name}: kube-vip ghcr.io/kube-vip/kube-vip:v1`,
        ),
      ),
      "cplane: manifests",
      "cplane: kubectl apply",
      ...["worker1", "worker2"].flatMap((name) => [
        `cplane: drain ${name} upgrade 300`,
        `${name}: kubelet 1.37.1 https://pkgs.k8s.io/core:/stable:/v1.37/deb/`,
        `${name}: installs kubeadm 1.37.1`,
        `${name}: kubeadm upgrade node`,
        `${name}: installs kubelet 1.37.1`,
        `${name}: installs kubectl 1.37.1`,
        `cplane: uncordon ${name}`,
      ]),
      "",
    ]);
    for (const name of lab.nodes()) {
      expect(lab.installed(name)).toEqual(["1.37.1", "1.37.1", "1.37.1"]);
      expect(lab.read(`nodes/${name}/held`)).toContain("kubelet\nkubectl\n");
      expect(lab.read(`nodes/${name}/etc/pi-image/node.env`)).toBe(
        "PI_IMAGE_RUNTIME='containerd'\nPI_IMAGE_KUBERNETES_MINOR='1.37'\nPI_IMAGE_KUBERNETES_PATCH='1.37.1'\nPI_IMAGE_KUBERNETES_PACKAGES='https://pkgs.k8s.io/core:/stable:/v1.37/deb/'\n",
      );
    }
    expect(
      lab.read("nodes/cplane2/etc/kubernetes/manifests/kube-vip.yaml"),
    ).toMatch(/^ {4}image: ghcr\.io\/kube-vip\/kube-vip:v1\.2\..*@sha256:/);
    expect(lab.read("nodes/worker1/var/lib/pi-image/status.json")).toContain(
      '"kubernetes":"v1.37.1","notes":{}}',
    );
    expect(lab.read("applied")).toContain("kube-flannel");
    expect(lab.exists("cluster/worker1/cordoned")).toBe(false);
    expect(lab.exists("cluster/worker2/cordoned")).toBe(true);
    expect(lab.inventory()).toBe(
      THREE_PLANES.replace(
        "  name: homelab",
        '  kubernetes: "1.37"\n  name: homelab',
      ),
    );
    expect(lab.lock().cluster?.kubernetes).toBe("1.37");
    expect(await lab.backups()).toHaveLength(1);
    const again = await lab.pi("upgrade");
    expect(again.stderr).toBe("");
    expect(again.stdout).toBe(
      "Every node that answers runs Kubernetes 1.37.1.\n",
    );
    expect(await lab.backups()).toHaveLength(1);
  });

  it("goes on wherever the laptop goes away, and does nothing twice", async () => {
    const lab = await upgradeLab();
    lab.put("cut/none", "");
    let runs = 0;
    let run: Awaited<ReturnType<typeof lab.pi>>;
    do {
      runs += 1;
      run = await lab.pi(...TO);
    } while (run.status !== 0 && runs < 40);
    expect(run.status, run.stderr).toBe(0);
    expect(runs).toBeGreaterThan(10);
    expect(lab.calls().match(/upgrade apply/g)).toHaveLength(1);
    expect(lab.calls().match(/worker1: installs kubelet/g)).toHaveLength(1);
    expect(lab.calls()).not.toContain("with its pods");
    for (const name of lab.nodes()) {
      expect(lab.installed(name)).toEqual(["1.37.1", "1.37.1", "1.37.1"]);
      expect(lab.exists(`cluster/${name}/cordoned`)).toBe(false);
    }
    expect(lab.inventory()).toContain('kubernetes: "1.37"');
  });

  it("leaves the cluster as it is where the mirror lacks the version, or a disk is full", async () => {
    const lab = await upgradeLab();
    const whole = lab.read("repository/1.37");
    lab.put("repository/1.37", "kubeadm 1.37.0-1.1\n");
    const lacks = await lab.pi(...TO);
    expect(lacks.status).toBe(1);
    expect(lacks.stderr).toContain(
      [
        "error[NODE_NOT_UPGRADED]: the packages of Kubernetes 1.37.1 are not on every node",
        ...["cplane", "worker1", "worker2"].map(
          (name) =>
            `  ${name}: the package repository has no kubeadm 1.37.1, but 1.37.0 (its address is in /etc/apt/sources.list.d/kubernetes.sources)`,
        ),
        "state: nothing was upgraded; the cluster runs as before",
        "hint: remove the cause, then run the same command again: it goes on where it stopped; a node that is switched off is left for later",
        "",
      ].join("\n"),
    );
    lab.put("no-mirror", "");
    expect((await lab.pi(...TO)).stderr).toContain(
      "  worker1: the lists of packages cannot be fetched: Failed to fetch https://pkgs.k8s.io/InRelease 503 Service Unavailable\n",
    );
    lab.remove("no-mirror");
    lab.put("repository/1.37", whole);
    lab.put("full/worker2", "");
    expect((await lab.pi(...TO)).stderr).toContain(
      "  worker2: packages cannot be fetched: the root partition is full; free space on it or use a larger card\n",
    );
    lab.remove("full");
    expect(
      lab.read("nodes/worker2/etc/apt/sources.list.d/kubernetes.sources"),
    ).toContain("/v1.36/");
    for (const name of lab.nodes()) {
      expect(lab.installed(name)).toEqual(["1.36.5", "1.36.5", "1.36.5"]);
    }
    expect(lab.calls()).not.toMatch(/drain|kubeadm upgrade/);
    expect(await lab.backups()).toEqual([]);
    const patch = await lab.pi("upgrade", "--to", "1.36.4", ...SOON);
    expect(patch.stderr).toContain(
      "error[NODE_NOT_UPGRADED]: cplane runs Kubernetes 1.36.5, which is newer than 1.36.4, and nothing goes back to an older one\n",
    );
    expect(lab.inventory()).toBe(INVENTORY);
  });

  it("takes kubeadm's end for the end, not the API server's version", async () => {
    const lab = await upgradeLab();
    lab.put("apply-fails", "");
    const first = await lab.pi(...TO);
    expect(first.status).toBe(1);
    expect(first.stderr).toContain(
      [
        "error[NODE_NOT_UPGRADED]: cplane could not be upgraded",
        '  cplane: kubeadm upgrade apply failed: CreateJob: Job "upgrade-health-check" did not complete',
        "state: cplane may have parts of both versions, which run together; not upgraded: worker1 and worker2",
        "hint: remove the cause, then run the same command again: it goes on where it stopped",
        "",
      ].join("\n"),
    );
    expect(lab.read("cluster-version")).toBe("1.36.5\n");
    const second = await lab.pi(...TO);
    expect(second.status, second.stderr).toBe(0);
    expect(lab.read("cluster-version")).toBe("1.37.1\n");
  });

  it("stops at a kubelet that does not come back, and says how things are", async () => {
    const lab = await upgradeLab();
    lab.put("stuck/worker1", "");
    const stuck = await lab.pi(...TO.slice(0, 4), "--patience", "1s");
    expect(stuck.status).toBe(1);
    expect(stuck.stderr).toContain(
      [
        "error[NODE_NOT_UPGRADED]: worker1 was upgraded, and is not Ready within 1s",
        "  worker1: its kubelet is 1.36.5 still",
        "state: worker1 takes no new pods; 1.37.1 runs on cplane; not upgraded: worker2",
        "hint: look at `pi-image doctor worker1`; when it is Ready, run the same command again: it goes on where it stopped",
        "",
      ].join("\n"),
    );
    lab.remove("stuck");
    const again = await lab.pi(...TO);
    expect(again.status, again.stderr).toBe(0);
    expect(lab.exists("cluster/worker1/cordoned")).toBe(false);
  });

  it("leaves a worker that is off for the next run", async () => {
    const lab = await upgradeLab();
    lab.switchOff("worker1");
    const run = await lab.pi(...TO);
    expect(run.status, run.stderr).toBe(0);
    expect(run.stderr).toContain(
      "warning: worker1 was not upgraded: SSH cannot connect: ssh: connect to host worker1 port 22: No route to host\nhint: when it is as it should be, run the same command again\n",
    );
    expect(lab.installed("worker2")[1]).toBe("1.37.1");
    lab.remove("off/worker1");
    lab.put("cluster/worker1/ready", "True\n");
    const later = await lab.pi("upgrade", ...SOON);
    expect(later.status, later.stderr).toBe(0);
    expect(lab.installed("worker1")[1]).toBe("1.37.1");
  });

  it.each([
    [
      "a control plane that is away",
      ["off/cplane3"],
      "cplane3 is away, and each control plane's turn needs all of the others",
    ],
    [
      "another command at work",
      ["cluster/worker1/mark", "cluster/worker1/cordoned"],
      "another command is at work on worker1, or was stopped in the middle: restart:1",
    ],
  ])("refuses with %s", async (_, files, why) => {
    const lab = await upgradeLab(THREE_PLANES);
    files.forEach((file) => lab.put(file, "restart:1\n"));
    const { status, stderr } = await lab.pi(...TO);
    expect(status).toBe(1);
    expect(stderr).toContain(`error[NODE_NOT_UPGRADED]: ${why}\n`);
    expect(stderr).toContain("state: nothing was upgraded\n");
    expect(existsSync(join(lab.folder, "homelab.backups"))).toBe(false);
    expect(lab.calls()).toBe("");
  });

  it("refuses two minors at once, and what it does not know", async () => {
    const lab = await upgradeLab();
    for (const name of lab.nodes()) {
      lab.put(`nodes/${name}/installed/kubelet`, "1.35.9\n");
    }
    lab.put(
      "nodes/cplane/etc/kubernetes/manifests/kube-apiserver.yaml",
      "    - --secure-port=6443\n    image: registry.k8s.io/kube-apiserver:v1.35.9\n",
    );
    expect((await lab.pi(...TO)).stderr).toContain(
      "error[NODE_NOT_UPGRADED]: the cluster runs Kubernetes 1.35.9, and kubeadm upgrades one minor at a time\nstate: nothing was upgraded\nhint: first: pi-image upgrade --to 1.36\n",
    );
    const unknown = await lab.pi("upgrade", "--to", "1.99", ...SOON);
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain(
      "error[WRONG_ARGUMENTS]: --to: this version of pi-image does not support Kubernetes 1.99\n",
    );
    expect(lab.calls()).toBe("");
  });

  it("refuses a cluster whose nodes have a bundle, and asks none of them", async () => {
    const lab = await upgradeLab(
      INVENTORY.replace("name: homelab", "name: homelab\n  bundle: true"),
    );
    const { status, stderr } = await lab.pi(...TO);
    expect(status).toBe(1);
    expect(stderr).toContain(
      "error[NODE_NOT_UPGRADED]: the nodes of homelab have their packages and images from a bundle, which `upgrade` cannot replace yet\nstate: nothing was upgraded\nhint: stay with the version that the cluster runs",
    );
    expect(lab.calls()).toBe("");
  });
});
