// Role images of a cluster that is offline: with and without the bundle, and the cards that are made from them.
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseIndex } from "../../src/bundle/bundle-index.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { bootFiles } from "../release/release-folder.ts";
import { describeWithTools } from "../support/tools.ts";
import { member, openOfflineLab, sha256, third } from "./offline-lab.ts";

const WORKER = "home-worker-sample-ubuntu-24.04";

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
    "mcopy",
    "bmaptool",
    "sha256sum",
  ],
  "role images of a cluster that is offline",
  () => {
    let lab: Awaited<ReturnType<typeof openOfflineLab>>;
    beforeAll(async () => {
      lab = await openOfflineLab();
    });
    afterAll(() => lab.close());

    const isOfBundle = (message: string): boolean =>
      /bundle|container images/.test(message);
    const emptyCard = (home: string, name: string): string => {
      const card = join(home, name);
      writeFileSync(card, "");
      spawnSync("truncate", ["-s", "512M", card]);
      return card;
    };
    const vendorData = async (image: string): Promise<string> =>
      Buffer.from(
        (await bootFiles(image)).get("vendor-data") ?? "",
        "base64",
      ).toString("utf8");
    const indexOf = (tar: string): string => {
      const file = join(lab.folder, "index");
      writeFileSync(file, member(tar, "index"));
      return sha256(file);
    };

    it("carry it only when asked to, tell everybody what is in it, and make the cards that their base makes", async () => {
      const { home, ...at } = await lab.project();
      const lock = join(home, "cluster.lock.json");
      const released = await at.release({ role: "worker", withBundle: true });
      expect(released.exit, released.said).toBe(0);
      expect(
        released.told.map(({ message }) => message).filter(isOfBundle),
      ).toEqual([
        expect.stringMatching(
          /^the images for sample-ubuntu-24\.04\.img carry 10 packages and 8 container images of others \([\d.]+ [KM]iB\): whoever publishes them passes these on$/,
        ),
      ]);
      const folder = join(home, "release");
      await runTool("sha256sum", ["--check", "--strict", "SHA256SUMS"], {
        cwd: folder,
      });
      const sums = readFileSync(join(folder, "SHA256SUMS"), "utf8");
      // bmaptool compares what it writes with the map.
      const plain = join(home, "plain.img");
      await runTool("bmaptool", [
        "copy",
        join(folder, `${WORKER}.img.xz`),
        plain,
      ]);
      const tar = await third(plain, lab.folder);
      const index = parseIndex(member(tar, "index").toString("utf8"), "it");
      const { bundles } = JSON.parse(readFileSync(lock, "utf8")) as {
        bundles: {
          sha256: string;
          index: string;
          packages: { name: string; version: string; sha256: string }[];
        }[];
      };
      expect(indexOf(tar)).toBe(bundles[0]?.index);
      // Flashed as it is, it has its packages from the bundle, and asks nobody.
      const vendor = await vendorData(plain);
      expect(vendor).toContain(`PI_IMAGE_BUNDLE='${bundles[0]?.index}'`);
      expect(vendor).toMatch(/^ *PI_IMAGE_OFFLINE=.1.$/m);
      expect(vendor).toContain("/usr/local/lib/pi-image/bundle.sh");
      // Its bill has each part with its digest, and nothing that would be downloaded.
      const bill = JSON.parse(
        readFileSync(join(folder, `${WORKER}.cdx.json`), "utf8"),
      ) as {
        components: {
          type: string;
          name: string;
          version?: string;
          description: string;
          hashes?: { content: string }[];
        }[];
      };
      const billed = (type: string) =>
        bill.components
          .filter((each) => each.type === type)
          .map(({ name, version, hashes }) => [
            name,
            version,
            hashes?.[0]?.content,
          ]);
      expect(billed("application")).toEqual(
        bundles[0]?.packages.map((each) => [
          each.name,
          each.version,
          each.sha256,
        ]),
      );
      expect(billed("container")).toEqual(
        index.images.map(({ name, digest }) => [
          name,
          digest,
          digest.replace("sha256:", ""),
        ]),
      );
      expect(
        bill.components.filter(({ description }) =>
          description.startsWith("Installed at the first boot from"),
        ),
      ).toEqual([]);
      const provenance = readFileSync(
        join(folder, "provenance.intoto.json"),
        "utf8",
      );
      expect(provenance).toContain(bundles[0]?.sha256);

      // The card of a node: the bundle that is there, once, and its seed names it.
      const own = await at.build("worker1");
      expect(own.exit, own.said).toBe(0);
      const asked = lab.server().requests.length;
      const card = emptyCard(home, "card");
      const flashed = await at.flash(card, "worker1", [
        join(folder, `${WORKER}.img.xz`),
      ]);
      expect(flashed.exit, flashed.said).toBe(0);
      const built = join(home, "out/worker1.img");
      expect(await bootFiles(card)).toEqual(await bootFiles(built));
      expect(sha256(await third(card, lab.folder))).toBe(sha256(tar));
      const table = (image: string) =>
        readFileSync(image).subarray(0, 512).toString("hex");
      expect(table(card)).toBe(table(built));
      // Nothing was looked up for it, and the lockfile has what it had.
      expect(lab.server().requests.length).toBe(asked);
      expect(JSON.parse(readFileSync(lock, "utf8"))).toMatchObject({ bundles });
      const based = await at.build("worker1", {
        base: join(folder, `${WORKER}.img.xz`),
        out: join(home, "based"),
      });
      expect(based.exit, based.said).toBe(0);
      expect(await bootFiles(join(home, "based/worker1.img"))).toEqual(
        await bootFiles(built),
      );
      expect(
        sha256(await third(join(home, "based/worker1.img"), lab.folder)),
      ).toBe(sha256(tar));

      // Again, from the lockfile and the cache.
      rmSync(folder, { recursive: true });
      const again = await at.release({ role: "worker", withBundle: true });
      expect(again.exit, again.said).toBe(0);
      expect(readFileSync(join(folder, "SHA256SUMS"), "utf8")).toBe(sums);

      // A cluster that needs something else does not take it.
      const inventory = join(home, "cluster.yaml");
      writeFileSync(
        inventory,
        readFileSync(inventory, "utf8")
          .replace("[jq]", "[jq, tmux]")
          .replace("1.36.5", "1.36.4"),
      );
      const refused = await at.flash(emptyCard(home, "other"), "worker1", [
        join(folder, `${WORKER}.img.xz`),
      ]);
      expect([refused.exit, refused.said.split("\n").slice(0, 3)]).toEqual([
        2,
        [
          `error[BUNDLE_INCOMPLETE]: the bundle in ${WORKER}.img.xz is not what the nodes of home need`,
          "  it is for Kubernetes 1.36.5, and the cluster has 1.36.4",
          "  it lacks the packages tmux",
        ],
      ]);
      expect(
        readFileSync(join(home, "other")).every((byte) => byte === 0),
      ).toBe(true);
    });

    it("carry none by default, and say what that means", async () => {
      const { home, ...at } = await lab.project();
      const released = await at.release({ role: "worker" });
      expect(released.exit, released.said).toBe(0);
      expect(
        released.told.map(({ message }) => message).filter(isOfBundle),
      ).toEqual([
        expect.stringMatching(
          /^role images carry no bundle: flashed as they are, they need the internet at their first boot, although home is offline; /,
        ),
      ]);
      const plain = join(home, "plain.img");
      const archive = join(home, "release", `${WORKER}.img.xz`);
      await runTool("sh", ["-c", 'xz -dc "$1" >"$2"', "sh", archive, plain]);
      expect(statSync(plain).size).toBeLessThan(2 ** 28);
      const listed = spawnSync("sfdisk", ["--json", plain], {
        encoding: "utf8",
      });
      expect(listed.stdout).not.toContain('"type": "da"');
      expect(await vendorData(plain)).not.toMatch(/^ *PI_IMAGE_OFFLINE=/m);
      // A node's card gets one all the same.
      const card = emptyCard(home, "card");
      const flashed = await at.flash(card, "worker1", [archive]);
      expect(flashed.exit, flashed.said).toBe(0);
      const index = indexOf(await third(card, lab.folder));
      const seed = (await bootFiles(card)).get("user-data") ?? "";
      expect(Buffer.from(seed, "base64").toString("utf8")).toContain(index);
    });
  },
);
