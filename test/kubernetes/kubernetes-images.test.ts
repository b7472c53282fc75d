// The images of a Kubernetes patch, compared with what kubeadm says where there is one.
import { describe, expect, it } from "vitest";
import {
  kubernetesImages,
  pauseImage,
} from "../../src/kubernetes/kubernetes-images.ts";
import { kubernetesVersion } from "../../src/inventory/rules/kubernetes-versions.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { failureOf } from "../support/failure.ts";

const KUBEADM = process.env["PI_IMAGE_KUBEADM"];

describe("the images of a Kubernetes patch", () => {
  it("are known for the default", () => {
    const { minor, patch } = kubernetesVersion("1.36");
    expect(kubernetesImages(patch, undefined)).toContain(
      pauseImage(minor, undefined),
    );
    expect(kubernetesImages("1.36.5", "registry.example:5000/k8s")).toEqual([
      "registry.example:5000/k8s/kube-apiserver:v1.36.5",
      "registry.example:5000/k8s/kube-controller-manager:v1.36.5",
      "registry.example:5000/k8s/kube-scheduler:v1.36.5",
      "registry.example:5000/k8s/kube-proxy:v1.36.5",
      "registry.example:5000/k8s/coredns/coredns:v1.14.2",
      "registry.example:5000/k8s/pause:3.10.2",
      "registry.example:5000/k8s/etcd:3.6.8-1",
    ]);
  });

  it("are not guessed for a newer one", async () => {
    const failure = await failureOf(
      Promise.resolve().then(() => kubernetesImages("1.36.90", undefined)),
    );
    expect([failure.code, failure.message, failure.hint]).toEqual([
      "BUNDLE_INCOMPLETE",
      "this version of pi-image does not know which etcd and CoreDNS go with Kubernetes 1.36.90",
      'write kubernetes: "1.36.5" in the inventory, or install a newer pi-image',
    ]);
  });

  it.runIf(KUBEADM)(
    "are those that kubeadm pulls (needs PI_IMAGE_KUBEADM)",
    async () => {
      const kubeadm = KUBEADM ?? "";
      const { stdout: version } = await runTool(kubeadm, [
        "version",
        "--output=short",
      ]);
      const patch = /\d+\.\d+\.\d+/.exec(version)?.[0] ?? "";
      const { stdout } = await runTool(kubeadm, [
        "config",
        "images",
        "list",
        `--kubernetes-version=v${patch}`,
      ]);
      expect(kubernetesImages(patch, undefined)).toEqual(
        stdout.trim().split("\n"),
      );
    },
  );
});
