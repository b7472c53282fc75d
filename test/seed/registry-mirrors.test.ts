// Mirrors of registries: what the runtimes are told, and that containerd and CRI-O's library ask them.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ResolvedCluster } from "../../src/inventory/resolved.ts";
import { registryMirrorFiles } from "../../src/seed/registry-mirrors.ts";
import { tryTool } from "../../src/system/run/run-tool.ts";
import { startServer } from "../base/http-server.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";
import { sampleProject } from "./sample-project.ts";

const filesFor = (
  runtime: ResolvedCluster["runtime"],
  mirrors: Readonly<Record<string, string>>,
) =>
  registryMirrorFiles({
    runtime,
    mirrors: {
      ...sampleProject.cluster.mirrors,
      registries: Object.entries(mirrors).map(([registry, mirror]) => ({
        registry,
        mirror,
      })),
    },
  });

/** Writes the files below a folder that stands for the node's root. */
const laidFor = async (...of: Parameters<typeof filesFor>) => {
  const root = await temporaryFolder();
  for (const { path, text } of filesFor(...of)) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
};

describe("files of registry mirrors", () => {
  it("are none without mirrors", () => {
    expect(filesFor("containerd", {})).toEqual([]);
    expect(filesFor("cri-o", {})).toEqual([]);
  });

  it("are one for each registry with containerd, which knows docker.io by its other name", () => {
    const files = filesFor("containerd", {
      "docker.io": "http://mirror.lan:5000",
      "ghcr.io": "https://harbor.lan/v2/ghcr",
    });
    expect(files.map(({ path, text }) => `${path}\n${text}`)).toEqual([
      `/etc/containerd/certs.d/docker.io/hosts.toml
server = "https://registry-1.docker.io"

[host."http://mirror.lan:5000"]
  capabilities = ["pull", "resolve"]
`,
      `/etc/containerd/certs.d/ghcr.io/hosts.toml
server = "https://ghcr.io"

[host."https://harbor.lan/v2/ghcr"]
  capabilities = ["pull", "resolve"]
  override_path = true
`,
    ]);
  });

  it("are one for all with CRI-O", () => {
    const files = filesFor("cri-o", {
      "docker.io": "http://mirror.lan:5000",
      "ghcr.io": "https://harbor.lan/v2/ghcr",
    });
    expect(files.map(({ path, text }) => `${path}\n${text}`)).toEqual([
      `/etc/containers/registries.conf.d/90-pi-image.conf
[[registry]]
location = "docker.io"

[[registry.mirror]]
location = "mirror.lan:5000"
insecure = true

[[registry]]
location = "ghcr.io"

[[registry.mirror]]
location = "harbor.lan/ghcr"
`,
    ]);
  });
});

const IMAGE = "ghcr.io/flannel-io/flannel:v1";
/** A mirror, its path, and what it is asked for. */
const MIRRORS = [
  ["the root of a host", "", "v2/flannel-io/flannel/manifests/v1"],
  ["a project of Harbor", "v2/ghcr", "v2/ghcr/flannel-io/flannel/manifests/v1"],
] as const;

describeAsRoot(["containerd", "ctr"], "containerd", () => {
  /** A containerd of the test's own. */
  const startContainerd = async () => {
    const folder = await temporaryFolder();
    const config = join(folder, "config.toml");
    await writeFile(
      config,
      'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n',
    );
    const socket = join(folder, "socket");
    const daemon = spawn(
      "containerd",
      [
        `--config=${config}`,
        `--root=${join(folder, "root")}`,
        `--state=${join(folder, "state")}`,
        `--address=${socket}`,
      ],
      { stdio: "ignore" },
    );
    const ended = new Promise((resolve) => {
      daemon.once("exit", resolve);
    });
    onTestFinished(async () => {
      daemon.kill();
      await ended;
    });
    while (!existsSync(socket) && daemon.exitCode === null) {
      await sleep(50);
    }
    return socket;
  };

  it.each(MIRRORS)(
    "asks %s, and no mirror of another registry",
    async (_, path, asked) => {
      const socket = await startContainerd();
      const server = await startServer();
      const pullWithMirrorOf = async (registry: string) => {
        const root = await laidFor("containerd", {
          [registry]: `${server.address}${path}`.replace(/\/$/, ""),
        });
        await tryTool("timeout", [
          "10",
          "ctr",
          `--address=${socket}`,
          "images",
          "pull",
          `--hosts-dir=${join(root, "etc/containerd/certs.d")}`,
          IMAGE,
        ]);
        return server.requests.splice(0);
      };
      expect(await pullWithMirrorOf("ghcr.io")).toContain(asked);
      expect(await pullWithMirrorOf("quay.io")).toEqual([]);
    },
  );
});

describeWithTools(["skopeo"], "the image library of CRI-O", () => {
  it.each(MIRRORS)(
    "asks %s, and no mirror of another registry",
    async (_, path, asked) => {
      const server = await startServer();
      // Asked for first: whether there is a registry at all.
      server.files.set("v2/", Buffer.from("{}"));
      const inspectWithMirrorOf = async (registry: string) => {
        const root = await laidFor("cri-o", {
          [registry]: `${server.address}${path}`.replace(/\/$/, ""),
        });
        const config = join(
          root,
          "etc/containers/registries.conf.d/90-pi-image.conf",
        );
        await tryTool("timeout", [
          "10",
          "skopeo",
          `--registries-conf=${config}`,
          "inspect",
          `docker://${IMAGE}`,
        ]);
        return server.requests.splice(0);
      };
      expect(await inspectWithMirrorOf("ghcr.io")).toContain(asked);
      expect(await inspectWithMirrorOf("quay.io")).toEqual([]);
    },
  );
});
