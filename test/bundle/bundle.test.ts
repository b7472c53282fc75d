// From signed archives and a registry to cards: what build makes of `offline: true`, judged by tar, dpkg, skopeo and sfdisk.
import { createHash } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseIndex } from "../../src/bundle/bundle-index.ts";
import { describeWithTools } from "../support/tools.ts";
import {
  IMAGES,
  member,
  openOfflineLab,
  sha256,
  third,
} from "./offline-lab.ts";

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
    let lab: Awaited<ReturnType<typeof openOfflineLab>>;
    beforeAll(async () => {
      lab = await openOfflineLab();
    });
    afterAll(() => lab.close());

    it("carry every package and image, each as its index says, and their nodes know the index", async () => {
      const { home, ...at } = await lab.project();
      const built = await at.build("cplane");
      expect(built.exit, built.said).toBe(0);
      const image = join(home, "out/cplane.img");
      const tar = await third(image, lab.folder);
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
      const images = join(lab.folder, "images.tar");
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
      expect(sha256(await third(card, lab.folder))).toBe(sha256(tar));
      expect(
        spawnSync("cmp", [image, card], { encoding: "utf8" }),
      ).toMatchObject({ status: 0 });
    });

    it("are the same bytes from the lockfile alone, with no server left, and on another computer", async () => {
      const first = await lab.project();
      const fetched = await first.bundle("fetch");
      expect(fetched.exit, fetched.said).toBe(0);
      const one = await first.build("worker1");
      expect(one.exit, one.said).toBe(0);
      const asked = lab.server().requests.length;
      const [image, lock] = [
        join(first.home, "out/worker1.img"),
        join(first.home, "cluster.lock.json"),
      ];
      const before = [sha256(image), readFileSync(lock, "utf8")];
      const again = await first.build("worker1");
      expect(again.exit, again.said).toBe(0);
      expect([sha256(image), readFileSync(lock, "utf8")]).toEqual(before);
      expect(lab.server().requests.length).toBe(asked);
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
      lab.server().files.delete("ubuntu/pool/runc_1.4.0-0ubuntu1_arm64.deb");
      const carried = await first.build("worker1", {
        bundle: join(first.home, "carried.tar"),
      });
      expect(carried.exit, carried.said).toBe(0);
      expect(sha256(image)).toBe(before[0]);
      await lab.server().close();

      // Another computer: the same files and the bundle, but an empty cache and no network.
      rmSync(join(first.home, "cache"), { recursive: true });
      const refused = await first.build("worker1");
      expect(refused.exit).toBe(1);
      expect(refused.said).toMatch(
        /^error\[(BUNDLE_UNREACHABLE|MANIFEST_UNREACHABLE)\]: /,
      );
    });

    it("say what is in them, and take newer packages only when asked to", async () => {
      const { home, ...at } = await lab.project();
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
      await lab.serve("2.2.2-0ubuntu1", "Mon, 30 Nov 2026 08:00:00 UTC");
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
      await lab.serve("2.2.1-0ubuntu1");
      const older = await at.bundle("update");
      expect([older.exit, older.said.split("\n")[0]]).toEqual([
        4,
        expect.stringMatching(/^error\[ARCHIVE_WRONG\]: .*2026-11-29/),
      ]);
    });

    it("are not made of a bundle that the lockfile does not have", async () => {
      const first = await lab.project();
      expect((await first.bundle("fetch")).exit).toBe(0);
      const file = join(first.home, "carried.tar");
      expect((await first.bundle("write", file)).exit).toBe(0);
      const other = await lab.project(["  podSubnet: 10.9.0.0/16"]);
      await lab.serve("2.2.2-0ubuntu1");
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
        const { home, ...at } = await lab.project();
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
      const { home, ...at } = await lab.project([
        "  addons: [file:addon.yaml]",
      ]);
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
