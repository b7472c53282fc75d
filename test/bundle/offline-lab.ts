// The servers, the base and the projects of clusters that are offline, for tests of what their cards and images carry.
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { spawnSync } from "node:child_process";
import { vi } from "vitest";
import { openGpg } from "../base/gpg.ts";
import { startServer } from "../base/http-server.ts";
import type { runInProcess } from "../commands/in-process.ts";
import { cutOut } from "../image/sample-fixture.ts";
import { FLANNEL, pinsWith } from "../supplies/manifests.ts";
import { serveArchive } from "./archives.ts";
import { startRegistry } from "./oci/registry.ts";
import { writeSampleImage } from "./oci/sample-image.ts";
import { ubuntuBase } from "./ubuntu-base.ts";

export const IMAGES = [
  "kube-apiserver:v1.36.5",
  "kube-controller-manager:v1.36.5",
  "kube-scheduler:v1.36.5",
  "kube-proxy:v1.36.5",
  "coredns/coredns:v1.14.2",
  "pause:3.10.2",
  "etcd:3.6.8-1",
  "flannel:v1",
];
const KUBERNETES = ["kubelet", "kubeadm", "kubectl"].map((name) => ({
  name,
  version: "1.36.5-1.1",
}));

export const sha256 = (path: string): string =>
  createHash("sha256").update(readFileSync(path)).digest("hex");

/** The third partition of an image, as sfdisk finds it. */
export const third = async (image: string, folder: string): Promise<string> => {
  const { stdout } = spawnSync("sfdisk", ["--json", image], {
    encoding: "utf8",
  });
  const { partitions } = (
    JSON.parse(stdout) as {
      partitiontable: { partitions: { start: number; size: number }[] };
    }
  ).partitiontable;
  const into = join(folder, `${basename(image)}.p3`);
  await cutOut(
    image,
    {
      offset: (partitions[2]?.start ?? 0) * 512,
      length: (partitions[2]?.size ?? 0) * 512,
    },
    into,
  );
  return into;
};
export const member = (tar: string, name: string): Buffer =>
  spawnSync("tar", ["-xOf", tar, name], { maxBuffer: 2 ** 28 }).stdout;

const PINS = "../../src/supplies/load-pins.ts";

/**
 * The commands with pins of small manifests: the real ones are of files that nobody can fetch here. Test files share their modules, so
 * that all of the program has to be loaded anew to see them.
 */
const loadCommands = async () => {
  vi.resetModules();
  vi.doMock(PINS, () => ({ loadPins: async () => pinsWith() }));
  const { build } = await import("../../src/commands/build.ts");
  const { bundle } = await import("../../src/commands/bundle/bundle.ts");
  const { release } = await import("../../src/commands/release.ts");
  const { flash } = await import("../../src/commands/flash/flash.ts");
  const inProcess = await import("../commands/in-process.ts");
  return {
    build,
    bundle,
    release,
    flash,
    runInProcess: inProcess.runInProcess,
  };
};

const unloadCommands = (): void => {
  vi.doUnmock(PINS);
  vi.resetModules();
};

/** Close it; where a test is done with a project, its server is the newest project's. */
export const openOfflineLab = async () => {
  const commands = await loadCommands();
  const folder = mkdtempSync(join(tmpdir(), "pi-image-offline-"));
  const gpg = openGpg();
  const registry = await startRegistry();
  let server: Awaited<ReturnType<typeof startServer>>;
  const image = join(folder, "image");
  await writeSampleImage(image, {
    platforms: ["linux/amd64", "linux/arm64/v8"],
  });
  for (const name of IMAGES) {
    await registry.push(`oci:${image}`, name, "--all");
  }
  const base = await ubuntuBase(join(folder, "base"), [
    "libc6 2.39-0ubuntu8",
    "iptables 1.8.10",
    "ethtool 6.7",
  ]);
  writeFileSync(
    join(folder, "base/SHA256SUMS"),
    `${sha256(base)}  sample-ubuntu-24.04.img\n`,
  );

  const archive = gpgKey("Archive");
  const packages = gpgKey("Kubernetes");
  /** A key of this name, made once. */
  function gpgKey(name: string) {
    let made: ReturnType<typeof gpg.makeKey> | undefined;
    return () => (made ??= gpg.makeKey(`${name} <${name}@example.com>`));
  }

  const serve = async (
    containerd = "2.2.1-0ubuntu1",
    date = "Sun, 29 Nov 2026 08:00:00 UTC",
  ) => {
    const key = archive();
    const deps = mkdtempSync(join(folder, "debs-"));
    await serveArchive(server, gpg, deps, "ubuntu/", {
      suite: "noble-updates",
      key,
      date,
      debs: [
        {
          name: "containerd",
          version: containerd,
          depends: "libc6 (>= 2.38), runc",
        },
        { name: "runc", version: "1.4.0-0ubuntu1", depends: "libc6" },
        { name: "conntrack", version: "1:1.4.8-1" },
        { name: "socat", version: "1.8.0" },
        { name: "iptables", version: "1.8.99" },
        { name: "jq", version: "1.7" },
      ],
    });
    await serveArchive(
      server,
      gpg,
      mkdtempSync(join(folder, "debs-")),
      "core:/stable:/v1.36/deb/",
      {
        suite: undefined,
        key: packages(),
        debs: [
          ...KUBERNETES,
          { name: "kubelet", version: "1.36.9-1.1" },
          { name: "kubernetes-cni", version: "1.9.1-1.1" },
          { name: "cri-tools", version: "1.36.0-1.1" },
        ],
      },
    );
    server.files.set(
      "core:/stable:/v1.36/deb/Release.key",
      Buffer.from(packages().armored),
    );
    server.files.set("flannel/v1/kube-flannel.yml", Buffer.from(FLANNEL));
  };

  /** A project of two nodes in a folder of its own, with settings and an empty cache. */
  const project = async (more: readonly string[] = []) => {
    const home = mkdtempSync(join(folder, "home-"));
    server = await startServer();
    const address = server.address.replace(/\/$/, "");
    await serve();
    const settings = join(home, "config");
    mkdirSync(join(settings, "pi-image"), { recursive: true });
    writeFileSync(join(settings, "pi-image/archive.asc"), archive().armored);
    writeFileSync(
      join(settings, "pi-image/package-archives.yaml"),
      `keys: {own: {file: archive.asc, fingerprint: ${archive().fingerprint}}}\nsystems: {ubuntu-24.04: {address: "${address}/ubuntu", suites: [noble-updates], components: [main], key: own}}\n`,
    );
    writeFileSync(
      join(home, "cluster.yaml"),
      [
        "cluster:",
        "  name: home",
        '  kubernetes: "1.36.5"',
        "  offline: true",
        ...more,
        "  mirrors:",
        `    kubernetesPackages: ${address}`,
        `    kubernetesKey: ${packages().fingerprint}`,
        `    manifests: ${address}`,
        "    registries:",
        `      - {registry: registry.k8s.io, mirror: "http://${registry.host}"}`,
        `      - {registry: example.org, mirror: "http://${registry.host}"}`,
        "defaults:",
        `  base: ${base}`,
        "  packages: [jq]",
        "  users: [{name: pi, sshKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGQX0F0kDoVmmXUVvQZk7qDbZ0JtVYw5y1pGkQb2hS2F pi@example]}]",
        "nodes:",
        "  - {name: cplane, role: control-plane}",
        "  - {name: worker1, role: worker}",
        "",
      ].join("\n"),
    );
    const env = {
      XDG_CONFIG_HOME: settings,
      SOURCE_DATE_EPOCH: "1790000000",
    };
    const run = async (
      name: string,
      work: Parameters<typeof runInProcess>[2],
    ) => {
      /** Its notices and warnings. */
      const told: { readonly type: string; readonly message: string }[] = [];
      const ran = await commands.runInProcess(name, home, work, {
        env,
        report: (event) => {
          if (event.type === "notice" || event.type === "warning") {
            told.push(event);
          }
        },
      });
      return { ...ran, told };
    };
    return {
      home,
      build: (host: string, options: Readonly<Record<string, unknown>> = {}) =>
        run("build", (context) =>
          commands.build(context, {
            inventory: join(home, "cluster.yaml"),
            host: [host],
            format: "img",
            insecure: true,
            out: join(home, "out"),
            ...options,
          }),
        ),
      bundle: (...args: readonly string[]) =>
        run("bundle", (context) =>
          commands.bundle(context, args, {
            inventory: join(home, "cluster.yaml"),
          }),
        ),
      release: (options: Readonly<Record<string, unknown>> = {}) =>
        run("release", (context) =>
          commands.release(context, {
            inventory: join(home, "cluster.yaml"),
            out: join(home, "release"),
            ...options,
          }),
        ),
      flash: (
        card: string,
        host: string,
        image: readonly string[] = [],
        options: Readonly<Record<string, unknown>> = {},
      ) =>
        run("flash", (context) =>
          commands.flash(context, [card, ...image], {
            inventory: join(home, "cluster.yaml"),
            host: [host],
            insecure: true,
            out: join(home, "none"),
            yes: true,
            maxSize: 2 ** 40,
            ...options,
          }),
        ),
    };
  };
  return {
    folder,
    project,
    serve,
    /** The newest project's. */
    server: () => server,
    close: async () => {
      unloadCommands();
      gpg.close();
      await registry.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
