// Packages of the card's bundle, installed by the real apt and dpkg into a folder, from nothing else.
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { sampleNode } from "../../seed/sample-project.ts";
import { resolveHost } from "../../../src/inventory/resolve-host.ts";
import { describeWithTools } from "../../support/tools.ts";
import { calls, COMPLETE, isDone, powerOn, restart } from "../fake-node.ts";
import { runToEnd, saidBy } from "../phase.ts";
import { layWithBundle, PARTITION } from "./bundle-node.ts";
import { DEBS } from "./debs.ts";
import { asPartition, flipped, makeBundle, sha256 } from "./make-bundle.ts";

const bundle = await makeBundle({ debs: DEBS });
const READING = "Reading the packages of the bundle.";
const INSTALLING =
  "Installing kubelet=1.36.5-1.1 kubeadm=1.36.5-1.1 kubectl=1.36.5-1.1 containerd kubernetes-cni cri-tools conntrack socat ethtool iptables.";

const installed = (root: string): readonly string[] =>
  execFileSync(
    "dpkg-query",
    [
      `--admindir=${root}/var/lib/dpkg`,
      "--show",
      "--showformat=${db:Status-Abbrev}${Package}\n",
    ],
    { encoding: "utf8", stdio: "pipe" },
  )
    .trim()
    .split("\n")
    .toSorted();

const WANTED = DEBS.map(({ name }) => `ii ${name}`)
  .filter((name) => !/htop|gimp/.test(name))
  .toSorted();

const left = (root: string) =>
  existsSync(join(root, "var/lib/pi-image/packages"));

const asking = (...packages: string[]) => ({
  node: { ...sampleNode, host: resolveHost({ packages }, {}) },
});

describeWithTools(
  ["apt-get", "dpkg-deb", "flock", "openssl"],
  "packages of a bundle",
  () => {
    it("are the only ones that a node knows, and only what it needs is unpacked", async () => {
      // Without a key and without the network its other archives are nothing.
      const root = await layWithBundle(bundle, ["30-packages"], { key: false });
      await runToEnd(root);
      expect(saidBy("packages", root)).toEqual([READING, INSTALLING, "done"]);
      expect(installed(root)).toEqual(WANTED);
      expect(calls(root, "curl")).toEqual([]);
      expect(
        calls(root, "apt-get").filter((call) => call.endsWith(" update")),
      ).toHaveLength(1);
      expect(calls(root, "apt-mark")).toEqual([
        "apt-mark hold containerd cri-tools kubeadm kubectl kubelet kubernetes-cni",
      ]);
      expect(left(root)).toBe(false);
    });

    it("come from a file where the system has left the card, the newest first", async () => {
      const root = await layWithBundle(bundle, ["30-packages"], {
        world: { partitions: "nvme0n1p1 0xc" },
      });
      writeFileSync(join(root, "var/lib/pi-image/bundle.tar"), bundle.data);
      await runToEnd(root);
      expect(installed(root)).toEqual(WANTED);
    });

    it("are not asked for where the base has everything", async () => {
      const root = await layWithBundle(bundle, ["30-packages"], {
        installed: COMPLETE,
        world: { partitions: "" },
      });
      await runToEnd(root);
      expect(saidBy("packages", root)).toEqual(["done"]);
    });

    it.each([
      [
        "a package",
        (data: Buffer) => flipped(data, debBytes("runc")),
        "debs/runc_1.4.0-0ubuntu1_ARCH.deb",
      ],
      [
        "the list",
        (data: Buffer) => flipped(data, "Package: runc"),
        "Packages",
      ],
    ])(
      "are not used while one bit of %s is wrong",
      async (_what, damage, named) => {
        const root = await layWithBundle(bundle, ["30-packages"], {
          after: { 3: `cp world/whole ${PARTITION}` },
        });
        writeFileSync(join(root, "world/whole"), asPartition(bundle));
        writeFileSync(join(root, PARTITION), damage(asPartition(bundle)));
        await runToEnd(root);
        const said = saidBy("packages", root).map((line) =>
          line.replace(/_(amd64|arm64)\.deb/, "_ARCH.deb"),
        );
        expect(said).toEqual([
          READING,
          ...(named === "Packages" ? [] : [INSTALLING]),
          `The bundle on /dev/mmcblk0p3 is damaged: ${named} is not as its index says. This node reads it again; flash this card again when that does not help.`,
          ...(named === "Packages" ? [INSTALLING] : []),
          "done",
        ]);
        expect(calls(root, "sleep")).toHaveLength(3);
        expect(calls(root, "blockdev")[0]).toMatch(/ --flushbufs .*mmcblk0p3$/);
        expect(installed(root)).toEqual(WANTED);
      },
    );

    it("never go on without a helper whose package is damaged", async () => {
      const root = await layWithBundle(bundle, ["30-packages"], {
        installed: COMPLETE.filter((name) => name !== "socat"),
        after: { 2: `cp world/whole ${PARTITION}` },
      });
      writeFileSync(join(root, "world/whole"), asPartition(bundle));
      writeFileSync(
        join(root, PARTITION),
        flipped(asPartition(bundle), debBytes("socat")),
      );
      await runToEnd(root);
      expect(saidBy("packages", root)).toEqual([
        READING,
        "Installing socat.",
        expect.stringContaining("is damaged: debs/socat_"),
        "done",
      ]);
    });

    it("are missed where the card has no bundle, or another one", async () => {
      const root = await layWithBundle(bundle, ["30-packages"], {
        world: { partitions: "mmcblk0p2 0x83" },
        after: {
          1: "echo 'mmcblk0p3 0xda' >world/partitions",
          2: `cp world/whole ${PARTITION}`,
        },
      });
      const other = await makeBundle({ kubernetes: "1.36.4" });
      writeFileSync(join(root, "world/whole"), asPartition(bundle));
      writeFileSync(join(root, PARTITION), asPartition(other));
      await runToEnd(root);
      expect(saidBy("packages", root)).toEqual([
        READING,
        "This card has no bundle: there is no partition of type 0xda, and no /var/lib/pi-image/bundle.tar. Flash this card again with pi-image.",
        `The bundle on /dev/mmcblk0p3 is damaged, or is not the one that this card was made with: its index is not ${bundle.index.slice(0, 12)}.... Flash this card again; if that does not help, the card is bad.`,
        INSTALLING,
        "done",
      ]);
    });

    it("are all there after a power cut before, during and after the installation", async () => {
      const root = await layWithBundle(bundle, ["30-packages"], {
        plans: { "apt-install": ["cut", "cut-after", "cut-after"] },
      });
      for (const _cut of [1, 2, 3]) {
        expect((await powerOn(root)).code).toBeNull();
        restart(root);
      }
      await runToEnd(root);
      expect(installed(root)).toEqual(WANTED);
      expect(left(root)).toBe(false);
    });

    it("are there for what the inventory asks for, and for nothing else", async () => {
      const root = await layWithBundle(bundle, ["65-extras"], {
        ...asking("htop"),
        installed: COMPLETE,
      });
      await runToEnd(root);
      expect(installed(root)).toEqual(["ii htop"]);
      const without = await layWithBundle(bundle, ["65-extras"], {
        ...asking("btop"),
        installed: COMPLETE,
        after: { 2: "sed -i s/btop/htop/ etc/pi-image/node.env" },
      });
      await runToEnd(without);
      expect(saidBy("extras", without)[1]).toBe(
        "Packages are not installed yet (btop): E: Unable to locate package btop.",
      );
    });

    it("are not begun on a card that is too small for them", async () => {
      const root = await layWithBundle(bundle, ["65-extras"], {
        ...asking("gimp"),
        installed: COMPLETE,
        after: { 1: "sed -i s/gimp/htop/ etc/pi-image/node.env" },
      });
      await runToEnd(root);
      expect(saidBy("extras", root)[1]).toMatch(
        /^The root partition has \d+ MB free, and the packages need 4503599\d+ MB\. Free space on it, or use a larger card\.$/,
      );
      expect(isDone(root)).toBe(true);
    });
  },
);

/** Something that is in one package only. */
const debBytes = (name: string): Buffer => {
  const text = bundle.data.toString("latin1");
  const stanza = text.slice(text.indexOf(`Package: ${name}`));
  const sum = /SHA256: ([0-9a-f]{64})/.exec(stanza)?.[1];
  for (let at = 0; at < bundle.data.length; at += 512) {
    const size = Number.parseInt(text.slice(at + 124, at + 135), 8);
    if (
      text.startsWith(`debs/${name}`, at) &&
      sha256(bundle.data.subarray(at + 512, at + 512 + size)) === sum
    ) {
      return bundle.data.subarray(at + 512 + size - 100, at + 512 + size - 50);
    }
  }
  throw new Error(`the bundle has no ${name}`);
};
