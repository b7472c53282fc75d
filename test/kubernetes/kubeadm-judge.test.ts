// A real kubeadm judges the documents and the seeded PKI; PI_IMAGE_KUBEADM names it, since no distribution has one.
import { X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { resolveHost } from "../../src/inventory/resolve-host.ts";
import type { ResolvedProject } from "../../src/inventory/resolved.ts";
import { isSignedBy, publicKeyHash } from "../../src/kubernetes/certificate.ts";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import {
  JOIN_KUBECONFIG,
  kubeadmDocument,
} from "../../src/kubernetes/kubeadm-documents.ts";
import { joinKubeconfig } from "../../src/kubernetes/render-kubeconfig.ts";
import { makeClusterSecrets } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import { controlPlanePki } from "../../src/kubernetes/pki-files.ts";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { temporaryFolder } from "./folder.ts";
import {
  dualStack,
  homelab,
  making,
  nodeOf,
  onlyIpv6,
  threeControlPlanes,
  withCluster,
  withNodes,
} from "./project.ts";

const kubeadm = process.env["PI_IMAGE_KUBEADM"] ?? "";

let secrets: ClusterSecrets;

beforeAll(async () => {
  secrets = await makeClusterSecrets(homelab, {
    ...making,
    now: new Date(),
  });
});

/** A node's document in a folder, with the card's paths turned into that folder's. */
const laid = (project: ResolvedProject, name: string): string => {
  const folder = temporaryFolder();
  const node = nodeOf(project, name);
  const credentials = secrets.nodes["worker1"];
  if (credentials === undefined) {
    throw new Error("no worker1");
  }
  const joinFile = join(folder, "join.conf");
  writeFileSync(
    joinFile,
    joinKubeconfig(project, node, {
      ...secrets,
      nodes: { [name]: credentials },
    }).reveal(),
  );
  for (const { path, content } of controlPlanePki(secrets)) {
    const file = join(folder, "pki", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content.reveal());
  }
  const config = join(folder, "kubeadm.yaml");
  writeFileSync(
    config,
    kubeadmDocument(project, node, secrets)
      .replace(JOIN_KUBECONFIG, joinFile)
      .replace(
        "kind: ClusterConfiguration",
        `kind: ClusterConfiguration\ncertificatesDir: ${folder}/pki`,
      ),
  );
  return config;
};

const byToken = withCluster(homelab, {
  join: { ...homelab.cluster.join, by: "token" },
});

const ownSettings = withCluster(homelab, {
  upstream: {
    kubelet: {
      maxPods: 60,
      systemReserved: { memory: "300Mi" },
      shutdownGracePeriod: "30s",
      imageGCHighThresholdPercent: 70,
    },
    apiServerArgs: [{ name: "event-ttl", value: "30m0s" }],
  },
});

/** With labels, and with a taint on each node. */
const registering = withNodes(
  homelab,
  ...homelab.nodes.map((node) => ({
    ...node,
    host: resolveHost(
      {
        labels: { "example.org/disk": "", "node.kubernetes.io/room": "attic" },
        taints: ["dedicated=storage:NoSchedule", "gpu:NoExecute"],
      },
      {},
    ),
  })),
);

describe.skipIf(kubeadm === "")("kubeadm (PI_IMAGE_KUBEADM)", () => {
  it("finds every document valid", async () => {
    for (const project of [
      homelab,
      byToken,
      threeControlPlanes,
      registering,
      ownSettings,
      dualStack,
      onlyIpv6,
    ]) {
      for (const { name } of project.nodes) {
        const { status, stderr } = await tryTool(kubeadm, [
          "config",
          "validate",
          "--config",
          laid(project, name),
        ]);
        expect(stderr).toBe("");
        expect(status).toBe(0);
      }
    }
  });

  it("finds a wrong value of the kubelet in them", async () => {
    const config = laid(ownSettings, "cplane");
    const text = readFileSync(config, "utf8");
    writeFileSync(config, text.replace("maxPods: 60", 'maxPods: "60"'));
    const { status, stderr } = await tryTool(kubeadm, [
      "config",
      "validate",
      "--config",
      config,
    ]);
    expect(status).not.toBe(0);
    expect(stderr).toContain("maxPods");
  });

  it("finds a wrong key in them", async () => {
    const config = laid(homelab, "cplane");
    const text = readFileSync(config, "utf8");
    writeFileSync(config, text.replace("bindPort", "bindPrt"));
    const { status, stderr } = await tryTool(kubeadm, [
      "config",
      "validate",
      "--config",
      config,
    ]);
    expect(status).not.toBe(0);
    expect(stderr).toContain("bindPrt");
  });

  it("keeps the seeded authorities and signs with them", async () => {
    const config = laid(homelab, "cplane");
    const pki = join(dirname(config), "pki");
    const { stdout } = await runTool(kubeadm, [
      "init",
      "phase",
      "certs",
      "all",
      "--config",
      config,
    ]);
    expect(stdout.match(/Using existing \S+ certificate authority/g)).toEqual([
      "Using existing ca certificate authority",
      "Using existing front-proxy-ca certificate authority",
      "Using existing etcd/ca certificate authority",
    ]);
    expect(stdout).toContain('Using the existing "sa" key');
    for (const { path, content } of controlPlanePki(secrets)) {
      expect(readFileSync(join(pki, path), "utf8")).toBe(content.reveal());
    }
    const server = readFileSync(join(pki, "apiserver.crt"), "utf8");
    expect(isSignedBy(server, secrets.ca)).toBe(true);
    for (const host of ["cplane", "cplane.local", "kubernetes"]) {
      expect(new X509Certificate(server).checkHost(host)).toBe(host);
    }
    for (const address of ["192.168.1.50", "127.0.0.1"]) {
      expect(new X509Certificate(server).checkIP(address)).toBe(address);
    }
  });

  /** The control plane's static pods and the kubelet's flags, as kubeadm would write them. */
  const dryRun = async (project: ResolvedProject): Promise<string> => {
    const config = laid(project, "cplane");
    const { stdout } = await runTool("env", [
      `KUBEADM_INIT_DRYRUN_DIR=${dirname(config)}`,
      kubeadm,
      "init",
      "--dry-run",
      "--config",
      config,
      "--ignore-preflight-errors=all",
      "--skip-token-print",
    ]);
    return stdout;
  };

  it("makes a control plane of both families", async () => {
    const made = await dryRun(dualStack);
    for (const flag of [
      "--advertise-address=192.168.1.50",
      "--service-cluster-ip-range=10.96.0.0/12,fd00:10:96::/112",
      "--cluster-cidr=10.244.0.0/16,fd00:10:244::/64",
      "--node-cidr-mask-size-ipv6=80",
      "--node-ip=192.168.1.50,fd00::50",
    ]) {
      expect(made.includes(flag), flag).toBe(true);
    }
    expect(made).toMatch(/clusterDNS:\n\s+- 10\.96\.0\.10\n/);
  });

  it("makes a control plane of IPv6 alone", async () => {
    const made = await dryRun(onlyIpv6);
    for (const flag of [
      "--advertise-address=fd00::50",
      "--service-cluster-ip-range=fd00:10:96::/108",
      "--cluster-cidr=fd00:10:244::/56",
      "--node-ip=fd00::50",
      "--listen-peer-urls=https://[fd00::50]:2380",
      "--etcd-servers=https://[::1]:2379",
    ]) {
      expect(made.includes(flag), flag).toBe(true);
    }
    expect(made).not.toContain("--node-cidr-mask-size-ipv6");
    expect(made).toMatch(/clusterDNS:\n\s+- fd00:10:96::a\n/);
  });

  it.each([
    [
      "a second range",
      dualStack,
      "podSubnet: 10.244.0.0/16,fd00:10:244::/64",
      "podSubnet: fd00::/64,fd01::/64",
    ],
    ["too large a part", dualStack, "value: '80'", "value: '81'"],
    ["services too many", onlyIpv6, "/108", "/107"],
  ] as const)(
    "refuses %s, as check does",
    async (_title, project, from, to) => {
      const config = laid(project, "cplane");
      const text = readFileSync(config, "utf8");
      expect(text).toContain(from);
      writeFileSync(config, text.replace(from, to));
      const { status } = await tryTool(kubeadm, [
        "init",
        "--dry-run",
        "--config",
        config,
        "--ignore-preflight-errors=all",
      ]);
      expect(status).not.toBe(0);
    },
  );

  it("names every address of a control plane in its certificate", async () => {
    for (const [project, addresses] of [
      [
        dualStack,
        ["192.168.1.50", "fd00::50", "127.0.0.1", "::1", "10.96.0.1"],
      ],
      [onlyIpv6, ["fd00::50", "192.168.1.50", "fd00:10:96::1"]],
    ] as const) {
      const config = laid(project, "cplane");
      await runTool(kubeadm, [
        "init",
        "phase",
        "certs",
        "all",
        "--config",
        config,
      ]);
      const server = new X509Certificate(
        readFileSync(join(dirname(config), "pki/apiserver.crt")),
      );
      for (const address of addresses) {
        expect(server.checkIP(address), address).toBe(address);
      }
    }
  });

  it("would set up a control plane whose token is dead and has no rights", async () => {
    const config = laid(homelab, "cplane");
    const run = await runTool("env", [
      `KUBEADM_INIT_DRYRUN_DIR=${dirname(config)}`,
      kubeadm,
      "init",
      "--dry-run",
      "--config",
      config,
      "--ignore-preflight-errors=all",
      "--skip-token-print",
    ]);
    const token =
      /"bootstrap-token-[a-z0-9]{6}"[^]*?type: bootstrap.kubernetes.io\/token/.exec(
        run.stdout,
      )?.[0] ?? "";
    const group = Buffer.from("system:bootstrappers:pi-image:none");
    expect(token).toContain(`auth-extra-groups: ${group.toString("base64")}`);
    expect(token).toContain("expiration: ");
    expect(run.stdout).toContain(
      `sha256:${publicKeyHash(secrets.ca.certificate)}`,
    );
  });

  it("pulls every image of a mirror by the path that it has in the original", async () => {
    const images = async (project: ResolvedProject, name: string) =>
      (
        await runTool(kubeadm, [
          "config",
          "images",
          "list",
          "--config",
          laid(project, name),
        ])
      ).stdout;
    const original = await images(homelab, "cplane");
    const mirrored = await images(threeControlPlanes, "cp1");
    expect(mirrored).toBe(
      original.replaceAll("registry.k8s.io/", "registry.lan:5000/k8s/"),
    );
  });
});
