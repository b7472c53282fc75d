// Real Kubernetes of both families and of IPv6 alone: what nodes and services get.
import { webcrypto } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { makeClusterSecrets } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import { dualStack, onlyIpv6 } from "./project.ts";
import {
  describeWithControlPlane,
  startControlPlane,
} from "./real-control-plane.ts";

const NODE = JSON.stringify({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "worker1" },
});

const SERVICE = JSON.stringify({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web" },
  spec: { ipFamilyPolicy: "PreferDualStack", ports: [{ port: 80 }] },
});

describeWithControlPlane("a control plane of real Kubernetes", () => {
  it.each([
    [
      "of both families",
      dualStack,
      /^10\.244\.\d+\.0\/24 fd00:10:244:0:\S*::\/80$|^10\.244\.\d+\.0\/24 fd00:10:244::\/80$/,
      /^10\.\S+ fd00:10:96::\S+$/,
      "192.168.1.50",
    ],
    [
      "of IPv6 alone",
      onlyIpv6,
      /^fd00:10:244:\S*::?\/64$/,
      /^fd00:10:96::\S+$/,
      "fd00::50",
    ],
  ] as const)(
    "%s gives nodes and services their addresses",
    async (_title, project, pods, services, address) => {
      const folder = mkdtempSync(join(tmpdir(), "pi-image-families-"));
      const secrets = await makeClusterSecrets(project, {
        now: new Date(),
        crypto: webcrypto,
      });
      const plane = await startControlPlane(folder, project, secrets);
      onTestFinished(() => {
        plane.stop();
        rmSync(folder, { recursive: true, force: true });
      });
      await plane.start("kube-controller-manager");
      const create = (text: string) =>
        plane.demand(
          "bash",
          "-c",
          'kubectl --kubeconfig=/etc/kubernetes/super-admin.conf create -f - <<<"$1"',
          "bash",
          text,
        );
      await create(NODE);
      await create(SERVICE);
      const read = async (...args: readonly string[]) =>
        (await plane.kubectl("get", ...args)).stdout;
      await plane.until(
        "bash",
        "-c",
        "[[ $(kubectl --kubeconfig=/etc/kubernetes/super-admin.conf get node worker1 -o jsonpath={.spec.podCIDRs[*]}) ]]",
      );
      expect(
        await read("node", "worker1", "-o=jsonpath={.spec.podCIDRs[*]}"),
      ).toMatch(pods);
      expect(
        await read("service", "web", "-o=jsonpath={.spec.clusterIPs[*]}"),
      ).toMatch(services);
      expect(
        await read(
          "endpoints",
          "kubernetes",
          "-o=jsonpath={.subsets[*].addresses[*].ip}",
        ),
      ).toBe(address);
    },
    120_000,
  );
});
