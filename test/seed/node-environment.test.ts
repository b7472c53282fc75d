import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type {
  ResolvedNode,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import { nodeEnvironment } from "../../src/seed/node-environment.ts";
import { hostileText } from "./texts.ts";
import {
  controlPlane,
  fixedSecrets,
  sampleCluster,
  sampleNode,
  sampleProject,
} from "./sample-project.ts";
import { fc } from "../support/seeded.ts";

const time = new Date("2026-11-20T06:00:00.999Z");
const secrets = fixedSecrets();
const folder = mkdtempSync(join(tmpdir(), "pi-image-env-"));

afterAll(() => rmSync(folder, { recursive: true }));

/** What sh has after sourcing the text: each of our variables with its exact value. */
const sourced = (text: string): Readonly<Record<string, string>> => {
  const file = join(folder, "node.env");
  writeFileSync(file, text);
  const { stdout, stderr, status } = spawnSync(
    "sh",
    ["-euc", `set -a; . "${file}"; exec env -0`],
    { env: { PATH: "/usr/bin:/bin" }, encoding: "utf8" },
  );
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  return Object.fromEntries(
    stdout
      .split("\0")
      .filter((line) => line.startsWith("PI_IMAGE_"))
      .map((line) => {
        const equals = line.indexOf("=");
        return [line.slice(0, equals), line.slice(equals + 1)];
      }),
  );
};

const environment = (project: ResolvedProject, node: ResolvedNode) =>
  sourced(nodeEnvironment(project, node, secrets, time));

describe("node.env", () => {
  it("tells the first control plane everything", () => {
    expect(environment(sampleProject, controlPlane)).toEqual({
      PI_IMAGE_NODE: "cplane",
      PI_IMAGE_ROLE: "control-plane",
      PI_IMAGE_CLUSTER: "homelab",
      PI_IMAGE_BUILD_TIME: "1795154400",
      PI_IMAGE_UPLINK: "eth0",
      PI_IMAGE_ADDRESS: "192.168.1.50",
      PI_IMAGE_KUBEADM: "init",
      PI_IMAGE_KUBERNETES_KEY: "",
      PI_IMAGE_KUBERNETES_MINOR: "1.36",
      PI_IMAGE_KUBERNETES_PATCH: "1.36.5",
      PI_IMAGE_KUBERNETES_PACKAGES:
        "https://pkgs.k8s.io/core:/stable:/v1.36/deb/",
      PI_IMAGE_ENDPOINT_HOST: "cplane",
      PI_IMAGE_ENDPOINT_PORT: "6443",
      PI_IMAGE_ENDPOINT_ADDRESS: "192.168.1.50",
      PI_IMAGE_ENDPOINT_NODE: "cplane",
      PI_IMAGE_ENDPOINT_VIRTUAL: "no",
      PI_IMAGE_API_PORT: "6443",
      PI_IMAGE_CONTROL_PLANES: "",
      PI_IMAGE_SEEN: "",
      PI_IMAGE_RUNTIME: "containerd",
      PI_IMAGE_CNI_CONTAINER: "kube-flannel",
      PI_IMAGE_POD_SUBNET: "10.244.0.0/16",
      PI_IMAGE_SERVICE_SUBNET: "10.96.0.0/12",
      PI_IMAGE_JOIN_BY: "",
      PI_IMAGE_JOIN_ENDS: "",
      PI_IMAGE_BOARD: "pi5",
      PI_IMAGE_MAC: "",
      PI_IMAGE_DISK: "",
      PI_IMAGE_DATA_MOUNT: "",
      PI_IMAGE_KEEP_CARD: "no",
      PI_IMAGE_EEPROM: "auto",
      PI_IMAGE_PCIE_PROBE: "no",
      PI_IMAGE_BOOT_LOADER: "",
    });
  });

  it("tells a node that moves to a disk what it asks of its board", () => {
    const moving = {
      ...sampleNode,
      base: "ubuntu-26.04",
      storage: "sd-to-nvme",
      keepCard: true,
      mac: "d8:3a:dd:01:02:03",
    } as const;
    expect(environment(sampleProject, moving)).toMatchObject({
      PI_IMAGE_MAC: "d8:3a:dd:01:02:03",
      PI_IMAGE_DISK: "nvme",
      PI_IMAGE_KEEP_CARD: "yes",
      PI_IMAGE_PCIE_PROBE: "yes",
      // 2025-02-11, the oldest boot loader with which Ubuntu 26.04 starts on a Pi 5.
      PI_IMAGE_BOOT_LOADER: "1739232000",
    });
    expect(
      environment(sampleProject, { ...moving, board: "cm4" }),
    ).toMatchObject({
      PI_IMAGE_PCIE_PROBE: "no",
      PI_IMAGE_BOOT_LOADER: "1669334400",
    });
    expect(
      environment(sampleProject, { ...moving, board: "pi3b+", storage: "usb" }),
    ).toMatchObject({ PI_IMAGE_DISK: "usb", PI_IMAGE_BOOT_LOADER: "" });
  });

  it("tells a worker when its right to join ends, but not with a token", () => {
    expect(environment(sampleProject, sampleNode)).toMatchObject({
      PI_IMAGE_KUBEADM: "join-worker",
      PI_IMAGE_ADDRESS: "",
      PI_IMAGE_JOIN_ENDS: "2026-12-20T06:00:00Z",
    });
    const cluster = {
      ...sampleCluster,
      join: { ...sampleCluster.join, by: "token" },
    } as const;
    expect(
      environment({ ...sampleProject, cluster }, sampleNode),
    ).toMatchObject({ PI_IMAGE_JOIN_BY: "token", PI_IMAGE_JOIN_ENDS: "" });
  });

  it("knows whose the endpoint is by name, by address, or not at all", () => {
    const owner = (endpoint: Partial<ResolvedProject["cluster"]["endpoint"]>) =>
      environment(
        {
          ...sampleProject,
          cluster: {
            ...sampleCluster,
            endpoint: { ...sampleCluster.endpoint, ...endpoint },
          },
        },
        sampleNode,
      )["PI_IMAGE_ENDPOINT_NODE"];
    expect(owner({ host: "worker2", address: undefined })).toBe("worker2");
    expect(owner({ host: "api.example.org" })).toBe("cplane");
    expect(owner({ host: "api.example.org", address: undefined })).toBe("");
    expect(owner({ host: "api.example.org", address: "192.168.1.9" })).toBe("");
    expect(owner({ host: "cplane", virtual: true })).toBe("");
  });

  it("takes the packages from the user's mirror", () => {
    const mirrors = {
      ...sampleCluster.mirrors,
      kubernetesPackages: "http://mirror.lan/k8s",
    };
    const cluster = { ...sampleCluster, mirrors };
    expect(
      environment({ ...sampleProject, cluster }, sampleNode),
    ).toMatchObject({
      PI_IMAGE_KUBERNETES_PACKAGES:
        "http://mirror.lan/k8s/core:/stable:/v1.36/deb/",
    });
  });

  it("gives a shell back exactly what was put in", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const project: ResolvedProject = {
          nodes: sampleProject.nodes,
          cluster: {
            ...sampleCluster,
            name: text,
            podSubnet: text,
            kubernetes: { minor: text, patch: text },
            endpoint: {
              ...sampleCluster.endpoint,
              host: text,
              address: text,
            },
          },
        };
        expect(environment(project, sampleNode)).toMatchObject({
          PI_IMAGE_NODE: "worker1",
          PI_IMAGE_CLUSTER: text,
          PI_IMAGE_POD_SUBNET: text,
          PI_IMAGE_KUBERNETES_MINOR: text,
          PI_IMAGE_KUBERNETES_PATCH: text,
          PI_IMAGE_ENDPOINT_HOST: text,
          PI_IMAGE_ENDPOINT_ADDRESS: text,
          PI_IMAGE_JOIN_ENDS: "2026-12-20T06:00:00Z",
        });
      }),
    );
  });
});
