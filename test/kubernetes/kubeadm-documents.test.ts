import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import type {
  ResolvedNode,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import {
  isFirstControlPlane,
  kubeadmDocument,
} from "../../src/kubernetes/kubeadm-documents.ts";
import { kubeVipManifest } from "../../src/kubernetes/kube-vip.ts";
import { secret } from "../../src/report/secret.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import {
  homelab,
  node,
  nodeOf,
  threeControlPlanes,
  withCluster,
  withEndpoint,
  withNodes,
} from "./project.ts";

const golden = (path: string) =>
  new URL(`golden/${path}`, import.meta.url).pathname;

const unused = {
  certificate: readFileSync(golden("ca.crt"), "utf8"),
  key: secret("not in any document"),
};

/** Documents take nothing from the secrets but the CA's certificate, the token, and when they were made. */
const secrets: ClusterSecrets = {
  cluster: "homelab",
  ca: unused,
  frontProxyCa: unused,
  etcdCa: unused,
  serviceAccount: { publicKey: "", key: unused.key },
  admin: unused,
  bootstrapToken: secret("abcdef.0123456789abcdef"),
  encryptionKey: secret("not in any document"),
  hardened: true,
  revoked: [],
  nodes: {},
};

const byToken = (project: ResolvedProject): ResolvedProject =>
  withCluster(project, {
    join: { ...project.cluster.join, by: "token" },
  });

/** The document of this kind, as plain data. */
const read = (
  project: ResolvedProject,
  of: ResolvedNode,
  kind: string,
): unknown =>
  parseAllDocuments(kubeadmDocument(project, of, secrets))
    .map((document): unknown => document.toJS())
    .find(
      (document) =>
        typeof document === "object" &&
        document !== null &&
        "kind" in document &&
        document.kind === kind,
    );

describe("kubeadm documents", () => {
  it.each([
    ["homelab", homelab],
    ["homelab-token", byToken(homelab)],
    ["three-control-planes", threeControlPlanes],
  ])("of %s are as reviewed", async (folder, project) => {
    for (const each of project.nodes) {
      await expect(kubeadmDocument(project, each, secrets)).toMatchFileSnapshot(
        golden(`${folder}/${each.name}.yaml`),
      );
    }
  });

  it("let the first control plane of the inventory run init", () => {
    const project = withNodes(
      homelab,
      node("worker1", "worker"),
      node("cp1", "control-plane"),
      node("cp2", "control-plane"),
    );
    expect(
      project.nodes.map((each) => isFirstControlPlane(project, each)),
    ).toEqual([false, true, false]);
    expect(
      read(project, nodeOf(project, "cp1"), "InitConfiguration"),
    ).toBeDefined();
    expect(
      read(project, nodeOf(project, "cp2"), "JoinConfiguration"),
    ).toMatchObject({ controlPlane: { localAPIEndpoint: { bindPort: 6443 } } });
  });

  it("let pods run on control planes only where there is no worker", () => {
    const alone = withNodes(homelab, node("cplane", "control-plane"));
    expect(
      read(alone, nodeOf(alone, "cplane"), "InitConfiguration"),
    ).toMatchObject({ nodeRegistration: { taints: [] } });
    expect(
      read(homelab, nodeOf(homelab, "cplane"), "InitConfiguration"),
    ).not.toHaveProperty("nodeRegistration.taints");
  });

  it("let etcd wait for an SD card, and unused images go before pods", () => {
    const cplane = nodeOf(homelab, "cplane");
    expect(read(homelab, cplane, "ClusterConfiguration")).toMatchObject({
      etcd: {
        local: {
          extraArgs: [
            { name: "heartbeat-interval", value: "500" },
            { name: "election-timeout", value: "5000" },
          ],
        },
      },
    });
    const kubelet = read(homelab, cplane, "KubeletConfiguration") as {
      imageGCHighThresholdPercent: number;
      imageGCLowThresholdPercent: number;
    };
    // The kubelet evicts pods when less than 15 % are free.
    expect(kubelet.imageGCHighThresholdPercent).toBeLessThan(85);
    expect(kubelet.imageGCLowThresholdPercent).toBeLessThan(
      kubelet.imageGCHighThresholdPercent,
    );
  });

  it("leave addresses to the node where DHCP gives them", () => {
    const project = withEndpoint(
      withNodes(homelab, node("cplane", "control-plane")),
      { address: undefined },
    );
    const init = read(project, nodeOf(project, "cplane"), "InitConfiguration");
    expect(init).not.toHaveProperty("nodeRegistration.kubeletExtraArgs");
    expect(init).toHaveProperty("localAPIEndpoint", { bindPort: 6443 });
    expect(
      read(project, nodeOf(project, "cplane"), "ClusterConfiguration"),
    ).toMatchObject({
      apiServer: { certSANs: ["cplane", "cplane.local", "127.0.0.1"] },
    });
  });

  it("bind the endpoint's port where a control plane holds the endpoint, and the usual one behind a load balancer", () => {
    const own = withEndpoint(homelab, { port: 7443 });
    const balanced = withEndpoint(homelab, {
      host: "lb.example.org",
      port: 443,
      address: undefined,
    });
    const port = (project: ResolvedProject) =>
      read(project, nodeOf(project, "cplane"), "InitConfiguration");
    expect(port(own)).toMatchObject({ localAPIEndpoint: { bindPort: 7443 } });
    expect(port(balanced)).toMatchObject({
      localAPIEndpoint: { bindPort: 6443 },
    });
    expect(
      read(balanced, nodeOf(balanced, "cplane"), "ClusterConfiguration"),
    ).toMatchObject({ controlPlaneEndpoint: "lb.example.org:443" });
  });

  it("name the socket of the runtime", () => {
    const sockets = (["containerd", "containerd-docker", "cri-o"] as const).map(
      (runtime) => {
        const project = withCluster(homelab, { runtime });
        return read(project, nodeOf(project, "worker1"), "JoinConfiguration");
      },
    );
    expect(sockets).toMatchObject([
      {
        nodeRegistration: {
          criSocket: "unix:///run/containerd/containerd.sock",
        },
      },
      {
        nodeRegistration: {
          criSocket: "unix:///run/containerd/containerd.sock",
        },
      },
      { nodeRegistration: { criSocket: "unix:///var/run/crio/crio.sock" } },
    ]);
  });

  it("hold the token only where the nodes join by it", () => {
    for (const each of homelab.nodes) {
      const token = secrets.bootstrapToken.reveal();
      expect(kubeadmDocument(homelab, each, secrets)).not.toContain(token);
      expect(kubeadmDocument(byToken(homelab), each, secrets)).toContain(token);
    }
  });
});

describe("kube-vip", () => {
  it.each(["admin.conf", "super-admin.conf"] as const)(
    "with %s is as reviewed",
    async (kubeconfig) => {
      await expect(
        kubeVipManifest(
          threeControlPlanes,
          nodeOf(threeControlPlanes, "cp1"),
          kubeconfig,
        ),
      ).toMatchFileSnapshot(
        golden(`three-control-planes/kube-vip.${kubeconfig}.yaml`),
      );
    },
  );

  it("runs nowhere but on control planes that share an address", () => {
    expect(
      kubeVipManifest(homelab, nodeOf(homelab, "cplane"), "admin.conf"),
    ).toBeUndefined();
    expect(
      kubeVipManifest(
        threeControlPlanes,
        nodeOf(threeControlPlanes, "worker1"),
        "admin.conf",
      ),
    ).toBeUndefined();
  });
});

describeWithTools(["kubectl"], "kube-vip", () => {
  /** What kubectl makes of a manifest with another image: keys that a pod does not have are gone. */
  const withImage = async (manifest: string): Promise<unknown> => {
    const { stdout } = await runTool(
      "kubectl",
      ["set", "image", "--local", "-f", "-", "-o", "yaml", "kube-vip=other"],
      { input: manifest },
    );
    return parse(stdout);
  };

  it("is a pod that kubectl understands to the last key", async () => {
    const manifest = kubeVipManifest(
      threeControlPlanes,
      nodeOf(threeControlPlanes, "cp2"),
      "admin.conf",
    );
    const same = (text: string): object =>
      parse(text.replace(/image: .*/, "image: other"));
    expect(manifest).toBeDefined();
    expect(await withImage(manifest ?? "")).toMatchObject(same(manifest ?? ""));
    const misspelt = (manifest ?? "").replace("hostNetwork", "hostNetwrk");
    expect(await withImage(misspelt)).not.toMatchObject(same(misspelt));
  });
});
