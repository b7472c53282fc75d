// The packages phase: which packages come from where, and what the node says while they do not.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Runtime } from "../../src/inventory/resolved.ts";
import { sampleProject } from "../seed/sample-project.ts";
import {
  calls,
  type Circumstances,
  COMPLETE,
  REPOSITORY,
  describeNode,
  status,
} from "./fake-node.ts";
import { runPhases, saidBy } from "./phase.ts";

const withRuntime = (runtime: Runtime): Circumstances["project"] => ({
  ...sampleProject,
  cluster: { ...sampleProject.cluster, runtime },
});

/** Runs the phase alone, to its end, on a base that has nothing. */
const install = (is: Partial<Circumstances>): Promise<string> =>
  runPhases(["30-packages"], { installed: [], ...is });

const said = (root: string) => saidBy("packages", root);

const HELPERS = "cri-tools conntrack socat ethtool iptables";
const INSTALLING = `Installing kubelet=1.36.5-1.1 kubeadm=1.36.5-1.1 kubectl=1.36.5-1.1 containerd kubernetes-cni ${HELPERS}.`;
const UPDATING = "Updating the lists of packages.";
const failed = (cause: string): string =>
  `Packages are not installed yet (kubelet kubeadm kubectl containerd kubernetes-cni): ${cause}.`;

describeNode("packages", () => {
  it("installs the pinned patch version and holds it, with upgrades paused meanwhile", async () => {
    const root = await install({});
    expect(said(root)).toEqual([UPDATING, INSTALLING, "done"]);
    expect(calls(root, "apt-mark")).toEqual([
      "apt-mark hold kubelet kubeadm kubectl cri-tools kubernetes-cni containerd",
    ]);
    const order = readFileSync(join(root, "world/calls"), "utf8");
    const upgrades =
      "apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service";
    const moments = [
      "systemctl stop apt-daily.timer apt-daily-upgrade.timer\n",
      `systemctl mask --runtime ${upgrades}\n`,
      "apt-get --quiet --yes",
      `systemctl unmask --runtime ${upgrades}\n`,
      "systemctl start apt-daily.timer apt-daily-upgrade.timer\n",
    ].map((call) => order.indexOf(call));
    expect(moments).toEqual([...moments].sort((a, b) => a - b));
    expect(moments).not.toContain(-1);
  });

  it("lets nothing become older but the packages that are pinned", async () => {
    const root = await install({});
    const installs = calls(root, "apt-get").filter((call) =>
      call.includes(" install "),
    );
    const versions = "kubelet=1.36.5-1.1 kubeadm=1.36.5-1.1 kubectl=1.36.5-1.1";
    expect(installs).toHaveLength(2);
    expect(installs[0]).not.toMatch(/--allow|=1\.36/);
    expect(installs[1]).toMatch(
      new RegExp(
        `--allow-downgrades --allow-change-held-packages ${versions}$`,
      ),
    );
    expect(installs[1]).not.toContain("containerd");
  });

  it("needs no network on a base that has everything, whichever patch version", async () => {
    const root = await install({
      installed: COMPLETE,
      world: { kubernetes: "v1.36.1" },
    });
    expect(said(root)).toEqual(["done"]);
    expect(calls(root, "apt-get")).toEqual([]);
  });

  it("replaces Kubernetes of another minor", async () => {
    const root = await install({
      installed: COMPLETE,
      world: { kubernetes: "v1.35.9" },
    });
    expect(said(root)).toEqual([
      UPDATING,
      "Installing kubelet=1.36.5-1.1 kubeadm=1.36.5-1.1 kubectl=1.36.5-1.1.",
      "done",
    ]);
    expect(status(root)["kubernetes"]).toBe("v1.36.5");
  });

  it("takes the newest of the minor where a mirror lacks the patch version, and says so", async () => {
    const root = await install({
      world: {
        repository: [
          "kubelet 1.36.6-1.1 kubelet",
          "kubeadm 1.36.6-1.1 kubeadm",
          "kubectl 1.36.6-1.1 kubectl",
          "kubernetes-cni 1.8.0-1.1 -",
          "containerd 2.2.1 containerd",
          "cri-tools 1.36.0 crictl",
          "conntrack 1 conntrack",
          "socat 1 socat",
          "ethtool 1 ethtool",
          "iptables 1 iptables",
        ].join("\n"),
      },
    });
    expect(said(root)[1]).toBe(
      "Kubernetes 1.36.5 is not in the repository; 1.36.6 is installed instead.",
    );
  });

  it("goes on without tools that only help", async () => {
    const root = await install({
      installed: COMPLETE.filter((tool) => tool !== "socat"),
      plans: { "apt-update": ["fail"], "apt-install": ["fail", "always"] },
      says: {
        "apt-update":
          "E: Could not connect to ports.ubuntu.com:80 (185.125.190.36), connection timed out",
        "apt-install": "E: Unable to locate package socat",
      },
    });
    expect(said(root)).toEqual([
      UPDATING,
      "Installing socat.",
      "Going on without socat: E: Could not connect to ports.ubuntu.com:80 (185.125.190.36), connection timed out.",
      "done",
    ]);
  });

  it("goes on without them on a base that lacks nothing else, where no repository answers", async () => {
    const root = await install({
      key: false,
      installed: COMPLETE.filter((tool) => tool !== "crictl"),
      plans: { curl: ["fail", "always"] },
      says: { curl: "curl: (6) Could not resolve host: pkgs.k8s.io" },
    });
    expect(said(root)).toEqual([
      UPDATING,
      "The key of the kubernetes packages cannot be fetched from https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key: the name pkgs.k8s.io does not resolve; check the DNS server of the network.",
      "Going on without cri-tools.",
      "done",
    ]);
  });

  it.each([
    [
      "apt-install",
      "E: Failed to fetch http://ports.ubuntu.com/pool/c/containerd.deb  503  Service Unavailable [IP: 185.125.190.36 80]",
      "Failed to fetch http://ports.ubuntu.com/pool/c/containerd.deb 503 Service Unavailable [IP: 185.125.190.36 80]",
    ],
    [
      "apt-install",
      "E: You don't have enough free space in /var/cache/apt/archives/.\nE: write (28: No space left on device)",
      "the root partition is full; free space on it or use a larger card",
    ],
    [
      "apt-install",
      "Err:1 http://ports.ubuntu.com noble InRelease\n  Temporary failure resolving 'ports.ubuntu.com'",
      "the name ports.ubuntu.com does not resolve; check the DNS server of the network",
    ],
    [
      "apt-install",
      "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (unattended-upgr)",
      "another program holds the lock of the package database",
    ],
    [
      "apt-install",
      "E: Release file for http://ports.ubuntu.com/dists/noble/InRelease is not valid yet (invalid for another 3d 2h).",
      "the clock of this node stands at 2026-11-20, which is behind; no time server has answered yet",
    ],
  ])(
    "says once why it fails, and tries until it works",
    async (call, output, cause) => {
      const root = await install({
        plans: { [call]: ["fail", "fail", "fail"] },
        says: { [call]: output },
      });
      expect(said(root)).toEqual([UPDATING, INSTALLING, failed(cause), "done"]);
      expect(calls(root, "sleep")).toHaveLength(3);
      // A damaged download would be tried again and again.
      expect(calls(root, "apt-get")).toContain("apt-get clean");
    },
  );

  it("gives up on a download that hangs, and tries again", async () => {
    const root = await install({
      plans: { "apt-install": ["hang"] },
    });
    expect(said(root)).toEqual([
      UPDATING,
      INSTALLING,
      failed("apt-get did not end within 3600 seconds and was stopped"),
      "done",
    ]);
  });

  it("finishes what a power cut in the middle of dpkg left", async () => {
    const root = await install({
      plans: { dpkg: ["fail"] },
      says: {
        dpkg: "dpkg: error: dpkg frontend lock was locked by another process with pid 812",
      },
    });
    expect(said(root)[0]).toBe(
      "dpkg cannot finish an installation: another program holds the lock of the package database.",
    );
    expect(calls(root, "dpkg")[0]).toBe(
      "dpkg --force-confdef --force-confold --configure -a",
    );
  });

  it("says that the repository has no such Kubernetes", async () => {
    const root = await install({
      world: { repository: "containerd 2.2.1 containerd", full: REPOSITORY },
      after: { 1: "cp world/full world/repository" },
    });
    expect(said(root)).toContain(
      "Packages are not installed yet (kubelet kubeadm kubectl containerd kubernetes-cni): E: Unable to locate package kubelet.",
    );
  });
});

describeNode("keys of package repositories", () => {
  it("are fetched when the card has none, and refused with another fingerprint", async () => {
    const url = "https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key";
    const root = await install({
      key: false,
      world: { keys: `${url} 0123456789ABCDEF0123456789ABCDEF01234567` },
      after: {
        2: `echo "${url} DE15B14486CD377B9E876E1A234654DA9A296436" >world/keys`,
      },
    });
    expect(said(root)).toEqual([
      UPDATING,
      `The key at ${url} cannot be used for the kubernetes packages: it has the fingerprint 0123456789ABCDEF0123456789ABCDEF01234567, not DE15B14486CD377B9E876E1A234654DA9A296436.`,
      INSTALLING,
      "done",
    ]);
  });

  it("are refused with a second key beside the right one", async () => {
    const url = "https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key";
    const right = "DE15B14486CD377B9E876E1A234654DA9A296436";
    const root = await install({
      key: false,
      world: {
        keys: `${url} ${right}\n${url} 0123456789ABCDEF0123456789ABCDEF01234567`,
      },
      after: { 1: `echo "${url} ${right}" >world/keys` },
    });
    expect(said(root)[1]).toBe(
      `The key at ${url} cannot be used for the kubernetes packages: it holds more than one key.`,
    );
    expect(
      readFileSync(join(root, "etc/apt/keyrings/kubernetes.asc"), "utf8"),
    ).toBe(`written anew: the key at ${url}\n`);
  });

  it("are fetched where the one on the card is another one", async () => {
    const root = await install({
      files: { "etc/apt/keyrings/kubernetes.asc": "somebody's key" },
    });
    expect(calls(root, "curl")).toHaveLength(1);
    expect(
      readFileSync(join(root, "etc/apt/keyrings/kubernetes.asc"), "utf8"),
    ).toContain("written anew: ");
  });

  it.each([
    [
      "gpgv",
      "W: GPG error: https://pkgs.k8s.io InRelease: The following signatures were invalid: EXPKEYSIG 234654DA9A296436 isv:kubernetes OBS Project",
    ],
    [
      "sqv",
      "W: OpenPGP signature verification failed: https://pkgs.k8s.io InRelease: Sub-process /usr/bin/sqv returned an error code (1), error message is: Signing key on DE15B14486CD377B9E876E1A234654DA9A296436 is bad:            The primary key is not live   because: Expired on 2026-12-29T01:33:44Z",
    ],
  ])(
    "are fetched anew when %s says that the card's has expired",
    async (_program, says) => {
      const root = await install({
        plans: { "apt-update": ["fail"] },
        says: { "apt-update": says },
      });
      expect(said(root)).toEqual([
        UPDATING,
        "Fetching the keys of the package repositories anew; one on this card has expired.",
        INSTALLING,
        "done",
      ]);
      expect(calls(root, "curl")).toHaveLength(1);
    },
  );

  it.each([
    [
      "containerd-docker",
      "docker",
      "https://download.docker.com/linux/ubuntu",
      "noble\nComponents: stable",
    ],
    [
      "cri-o",
      "cri-o",
      "https://download.opensuse.org/repositories/isv:/cri-o:/stable:/v1.36/deb",
      "/",
    ],
  ] as const)(
    "come with the repository of %s",
    async (runtime, name, uri, suites) => {
      const root = await install({ project: withRuntime(runtime) });
      expect(
        readFileSync(
          join(root, `etc/apt/sources.list.d/${name}.sources`),
          "utf8",
        ),
      ).toBe(
        `Types: deb\nURIs: ${uri}\nSuites: ${suites}\nSigned-By: /etc/apt/keyrings/${name}.asc\n`,
      );
      expect(existsSync(join(root, `etc/apt/keyrings/${name}.asc`))).toBe(true);
    },
  );
});

describeNode("the extra modules of 22.04", () => {
  const jammy = {
    files: { "etc/os-release": 'VERSION_ID="22.04"\nVERSION_CODENAME=jammy\n' },
    installed: COMPLETE,
  };
  const repository =
    "linux-modules-extra-raspi 5.15.0.1061 -\nlinux-modules-extra-6.8.0-1040-raspi 1 -";

  it("come for the running kernel, without a restart", async () => {
    const root = await install({
      ...jammy,
      world: { repository, lists: " " },
      plans: { "modprobe-vxlan": ["fail"] },
    });
    expect(said(root)).toEqual([
      "Installing the kernel's extra modules, which pod networks need.",
      "done",
    ]);
    expect(calls(root, "systemctl")).not.toContain("systemctl reboot");
  });

  it("come with a newer kernel and one restart, never two", async () => {
    const root = await install({
      ...jammy,
      world: { repository, lists: " " },
      plans: { "modprobe-vxlan": ["fail", "fail", "fail", "fail", "fail"] },
    });
    expect(said(root)).toEqual([
      "Installing the kernel's extra modules, which pod networks need.",
      "A newer kernel has the modules that pod networks need; restarting with it.",
      "The kernel 6.8.0-1040-raspi has no vxlan module, even after a restart.",
      "done",
    ]);
    expect(
      calls(root, "systemctl").filter((call) => call === "systemctl reboot"),
    ).toHaveLength(1);
  });
});
