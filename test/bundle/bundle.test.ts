// From signed archives and a registry to cards: what build makes of `offline: true`, judged by tar, dpkg, skopeo and sfdisk.
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { parseIndex } from "../../src/bundle/bundle-index.ts";
import { build } from "../../src/commands/build.ts";
import { bundle } from "../../src/commands/bundle/bundle.ts";
import { flash } from "../../src/commands/flash/flash.ts";
import { openGpg } from "../base/gpg.ts";
import { startServer } from "../base/http-server.ts";
import { runInProcess } from "../commands/in-process.ts";
import { cutOut } from "../image/sample-fixture.ts";
import { FLANNEL, pinsWith } from "../supplies/manifests.ts";
import { describeWithTools } from "../support/tools.ts";
import { serveArchive } from "./archives.ts";
import { type Registry, startRegistry } from "./oci/registry.ts";
import { writeSampleImage } from "./oci/sample-image.ts";
import { ubuntuBase } from "./ubuntu-base.ts";

// The real pins are of files that nobody can fetch here; these are of small ones in the same shape.
vi.mock("../../src/supplies/load-pins.ts", () => ({
  loadPins: async () => pinsWith(),
}));

const IMAGES = [
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

describeWithTools(
  [
    "gpg",
    "gpgconf",
    "docker-registry",
    "skopeo",
    "dpkg-deb",
    "debugfs",
    "xz",
    "tar",
    "sfdisk",
  ],
  "cards of a cluster that is offline",
  () => {
    let folder: string;
    let gpg: ReturnType<typeof openGpg>;
    let registry: Registry;
    let server: Awaited<ReturnType<typeof startServer>>;
    let base: string;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "pi-image-offline-"));
      gpg = openGpg();
      registry = await startRegistry();
      const image = join(folder, "image");
      await writeSampleImage(image, {
        platforms: ["linux/amd64", "linux/arm64/v8"],
      });
      for (const name of IMAGES) {
        await registry.push(`oci:${image}`, name, "--all");
      }
      base = await ubuntuBase(join(folder, "base"), [
        "libc6 2.39-0ubuntu8",
        "iptables 1.8.10",
        "ethtool 6.7",
      ]);
      writeFileSync(
        join(folder, "base/SHA256SUMS"),
        `${sha256(base)}  sample-ubuntu-24.04.img\n`,
      );
    });
    afterAll(async () => {
      gpg.close();
      await registry.close();
      rmSync(folder, { recursive: true, force: true });
    });

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
      const run = <Name extends string>(
        name: Name,
        work: Parameters<typeof runInProcess>[2],
      ) => runInProcess(name, home, work, { env });
      return {
        home,
        build: (
          host: string,
          options: Readonly<Record<string, unknown>> = {},
        ) =>
          run("build", (context) =>
            build(context, {
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
            bundle(context, args, { inventory: join(home, "cluster.yaml") }),
          ),
        flash: (card: string, host: string) =>
          run("flash", (context) =>
            flash(context, [card], {
              inventory: join(home, "cluster.yaml"),
              host: [host],
              insecure: true,
              out: join(home, "none"),
              yes: true,
              maxSize: 2 ** 40,
            }),
          ),
      };
    };

    const sha256 = (path: string): string =>
      createHash("sha256").update(readFileSync(path)).digest("hex");

    /** The third partition of an image, as sfdisk finds it. */
    const third = async (image: string): Promise<string> => {
      const { stdout } = spawnSync("sfdisk", ["--json", image], {
        encoding: "utf8",
      });
      const { partitions } = (
        JSON.parse(stdout) as {
          partitiontable: { partitions: { start: number; size: number }[] };
        }
      ).partitiontable;
      const into = join(folder, "p3.tar");
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
    const member = (tar: string, name: string): Buffer =>
      spawnSync("tar", ["-xOf", tar, name], { maxBuffer: 2 ** 28 }).stdout;

    it("carry every package and image, each as its index says, and their nodes know the index", async () => {
      const { home, ...at } = await project();
      const built = await at.build("cplane");
      expect(built.exit, built.said).toBe(0);
      const image = join(home, "out/cplane.img");
      const tar = await third(image);
      const text = member(tar, "index");
      const index = parseIndex(text.toString("utf8"), "it");
      expect(index).toMatchObject({
        kubernetes: "1.36.5",
        system: "ubuntu-24.04",
      });
      expect(index.images.map(({ name }) => name)).toEqual(
        [
          "example.org/flannel:v1",
          ...IMAGES.filter((name) => !name.startsWith("flannel")).map(
            (name) => `registry.k8s.io/${name}`,
          ),
        ].toSorted(),
      );
      // What the base has stays as it is there; what nobody asked for stays away.
      expect(
        index.files
          .map(({ path }) => path)
          .filter((path) => path !== "Packages" && path !== "images.tar"),
      ).toEqual([
        "debs/conntrack_1-1.4.8-1_arm64.deb",
        "debs/containerd_2.2.1-0ubuntu1_arm64.deb",
        "debs/cri-tools_1.36.0-1.1_arm64.deb",
        "debs/jq_1.7_arm64.deb",
        "debs/kubeadm_1.36.5-1.1_arm64.deb",
        "debs/kubectl_1.36.5-1.1_arm64.deb",
        "debs/kubelet_1.36.5-1.1_arm64.deb",
        "debs/kubernetes-cni_1.9.1-1.1_arm64.deb",
        "debs/runc_1.4.0-0ubuntu1_arm64.deb",
        "debs/socat_1.8.0_arm64.deb",
      ]);
      for (const { path, bytes, sha256: digest } of index.files) {
        const content = member(tar, path);
        expect([
          path,
          content.length,
          createHash("sha256").update(content).digest("hex"),
        ]).toEqual([path, bytes, digest]);
      }
      const userData = readFileSync(join(home, "out/cplane/user-data"), "utf8");
      const known = createHash("sha256").update(text).digest("hex");
      expect(userData).toContain(known);
      // skopeo reads each image of the archive.
      const images = join(folder, "images.tar");
      writeFileSync(images, member(tar, "images.tar"));
      for (const { name, digest } of index.images) {
        const seen = spawnSync(
          "skopeo",
          ["inspect", "--raw", `oci-archive:${images}:${name}`],
          { maxBuffer: 2 ** 20 },
        );
        expect(seen.status, String(seen.stderr)).toBe(0);
        expect(
          `sha256:${createHash("sha256").update(seen.stdout).digest("hex")}`,
        ).toBe(digest);
      }
      // Streamed to a card it is the same.
      const card = join(home, "card");
      writeFileSync(card, "");
      spawnSync("truncate", ["-s", String(statSync(image).size), card]);
      const flashed = await at.flash(card, "cplane");
      expect(flashed.exit, flashed.said).toBe(0);
      expect(sha256(await third(card))).toBe(sha256(tar));
      expect(
        spawnSync("cmp", [image, card], { encoding: "utf8" }),
      ).toMatchObject({ status: 0 });
    });

    it("are the same bytes from the lockfile alone, with no server left, and on another computer", async () => {
      const first = await project();
      const fetched = await first.bundle("fetch");
      expect(fetched.exit, fetched.said).toBe(0);
      const one = await first.build("worker1");
      expect(one.exit, one.said).toBe(0);
      const asked = server.requests.length;
      const [image, lock] = [
        join(first.home, "out/worker1.img"),
        join(first.home, "cluster.lock.json"),
      ];
      const before = [sha256(image), readFileSync(lock, "utf8")];
      const again = await first.build("worker1");
      expect(again.exit, again.said).toBe(0);
      expect([sha256(image), readFileSync(lock, "utf8")]).toEqual(before);
      expect(server.requests.length).toBe(asked);
      const written = await first.bundle(
        "write",
        join(first.home, "carried.tar"),
      );
      expect(written.exit, written.said).toBe(0);
      expect(sha256(join(first.home, "carried.tar"))).toBe(
        (
          JSON.parse(readFileSync(lock, "utf8")) as {
            bundles: { sha256: string }[];
          }
        ).bundles[0]?.sha256,
      );
      // A cache without the bundle, filled from the file.
      const emptied = (
        JSON.parse(readFileSync(lock, "utf8")) as {
          bundles: { sha256: string }[];
        }
      ).bundles[0]?.sha256;
      rmSync(join(first.home, "cache/archives", emptied ?? ""));
      server.files.delete("ubuntu/pool/runc_1.4.0-0ubuntu1_arm64.deb");
      const carried = await first.build("worker1", {
        bundle: join(first.home, "carried.tar"),
      });
      expect(carried.exit, carried.said).toBe(0);
      expect(sha256(image)).toBe(before[0]);
      await server.close();

      // Another computer: the same files and the bundle, but an empty cache and no network.
      rmSync(join(first.home, "cache"), { recursive: true });
      const refused = await first.build("worker1");
      expect(refused.exit).toBe(1);
      expect(refused.said).toMatch(
        /^error\[(BUNDLE_UNREACHABLE|MANIFEST_UNREACHABLE)\]: /,
      );
    });

    it("say what is in them, and take newer packages only when asked to", async () => {
      const { home, ...at } = await project();
      expect((await at.bundle("list")).said).toMatch(
        /^error\[WRONG_ARGUMENTS\]: no bundle was made yet\n/,
      );
      const fetched = await at.bundle("fetch");
      expect(fetched.exit, fetched.said).toBe(0);
      const listed = (await at.bundle("list")).printed.split("\n");
      expect(listed[0]).toMatch(
        /^sample-ubuntu-24\.04\.img: Kubernetes 1\.36\.5, 10 packages \([\d.]+ KiB\), 8 images; lists of 2026-11-29; in the cache$/,
      );
      expect(listed).toContain("  containerd 2.2.1-0ubuntu1");
      await serve("2.2.2-0ubuntu1", "Mon, 30 Nov 2026 08:00:00 UTC");
      const lock = join(home, "cluster.lock.json");
      const before = readFileSync(lock, "utf8");
      expect((await at.bundle("fetch")).printed).toMatch(/, as before$/);
      expect(readFileSync(lock, "utf8")).toBe(before);
      const updated = await at.bundle("update");
      expect(updated.exit, updated.said).toBe(0);
      expect(updated.printed.split("\n").slice(1)).toEqual([
        "  containerd: 2.2.1-0ubuntu1 -> 2.2.2-0ubuntu1",
      ]);
      expect((await at.bundle("list")).printed).toContain(
        "  containerd 2.2.2-0ubuntu1",
      );
      // A server that goes back in time is not followed.
      await serve("2.2.1-0ubuntu1");
      const older = await at.bundle("update");
      expect([older.exit, older.said.split("\n")[0]]).toEqual([
        4,
        expect.stringMatching(/^error\[ARCHIVE_WRONG\]: .*2026-11-29/),
      ]);
    });

    it("are not made of a bundle that the lockfile does not have", async () => {
      const first = await project();
      expect((await first.bundle("fetch")).exit).toBe(0);
      const file = join(first.home, "carried.tar");
      expect((await first.bundle("write", file)).exit).toBe(0);
      const other = await project(["  podSubnet: 10.9.0.0/16"]);
      await serve("2.2.2-0ubuntu1");
      expect((await other.bundle("fetch")).exit).toBe(0);
      const refused = await other.build("worker1", { bundle: file });
      expect([refused.exit, refused.said]).toEqual([
        4,
        expect.stringContaining(
          `${file} is not a bundle that cluster.lock.json has\n  it is for ubuntu-24.04 with Kubernetes 1.36.5\n`,
        ),
      ]);
      writeFileSync(file, "something else");
      expect((await other.build("worker1", { bundle: file })).said).toContain(
        "is not a bundle",
      );
    });

    it.runIf(process.getuid?.() === 0)(
      "are not made where the cache's disk is full, and then nothing is left of them",
      async () => {
        const { home, ...at } = await project();
        const cache = join(home, "cache");
        mkdirSync(cache, { mode: 0o700 });
        const run = (program: string, ...words: readonly string[]) =>
          spawnSync(program, words, { encoding: "utf8" });
        expect(
          run("mount", "-t", "tmpfs", "-o", "size=16M,mode=700", "none", cache)
            .status,
        ).toBe(0);
        try {
          expect((await at.bundle("fetch")).exit).toBe(0);
          const { bundles } = JSON.parse(
            readFileSync(join(home, "cluster.lock.json"), "utf8"),
          ) as { bundles: { sha256: string }[] };
          const known = bundles[0]?.sha256 ?? "";
          rmSync(join(cache, "archives", known));
          const before = readdirSync(join(cache, "archives"));
          // All of the room but for 200 kB.
          const free = Number(
            run("df", "--output=avail", "--block-size=1", cache)
              .stdout.trim()
              .split("\n")
              .at(-1),
          );
          writeFileSync(join(cache, "filler"), Buffer.alloc(free - 200_000));
          const full = await at.bundle("fetch");
          expect([full.exit, full.said.split("\n")]).toEqual([
            1,
            [
              `error[DISK_FULL]: there is no room left for the bundle for sample-ubuntu-24.04.img in ${cache}/archives`,
              "state: no bundle was made; what was fetched for it is kept",
              "hint: free some space, or set XDG_CACHE_HOME to a folder on a larger disk",
            ],
          ]);
          expect(readdirSync(join(cache, "archives"))).toEqual(before);
        } finally {
          run("umount", cache);
        }
      },
    );

    it("are refused where a container would ask a registry that is not there", async () => {
      const { home, ...at } = await project(["  addons: [file:addon.yaml]"]);
      writeFileSync(
        join(home, "addon.yaml"),
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - name: a\n      image: example.org/flannel:v1\n      imagePullPolicy: Always\n    - name: b\n      image: busybox\n",
      );
      const refused = await at.build("cplane");
      expect([refused.exit, refused.said.split("\n").slice(0, 3)]).toEqual([
        2,
        [
          "error[BUNDLE_INCOMPLETE]: 2 containers ask a registry although the cluster is offline",
          `  ${home}/addon.yaml:7 example.org/flannel:v1: imagePullPolicy: Always asks the registry at every start`,
          `  ${home}/addon.yaml:10 busybox: an image without a version, or with :latest, is another one tomorrow`,
        ],
      ]);
    });
  },
);
