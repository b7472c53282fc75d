// Base + patch as one node's image, judged by the tools that read cards.
import { join } from "node:path";
import { expect, test } from "vitest";
import type { BootSettings } from "../../src/image/boot/boot-settings.ts";
import { diskIdOf } from "../../src/image/table/disk-identity.ts";
import {
  makeNodePatch,
  prepareBase,
  type NodeChanges,
} from "../../src/image/node-patch.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { fsckFat, readWithMtools } from "./fat-judges.ts";
import { NOW } from "./fat-fixture.ts";
import { openForTest, patchFile, temporaryFolder } from "./make-image.ts";
import { cutOut, decodeSample } from "./sample-fixture.ts";

const SETTINGS: BootSettings = {
  config: [{ section: "pi5", lines: ["dtparam=pciex1_gen=3"] }],
  cmdline: ["cgroup_enable=memory", "cgroup_memory=1"],
};

const node = (name: string): NodeChanges => ({
  files: [
    {
      name: "user-data",
      data: Buffer.from(`#cloud-config\nhostname: ${name}\n`),
    },
    { name: "meta-data", data: Buffer.from(`instance-id: pi-image-${name}\n`) },
    { name: "network-config", data: Buffer.from("network: {version: 2}\n") },
    { name: "pi-image.json", data: Buffer.alloc(3000, "x") },
  ],
  bootSettings: SETTINGS,
  diskId: diskIdOf(`homelab ${name}`),
  now: NOW,
});

const read = (files: ReadonlyMap<string, string>, name: string): string =>
  Buffer.from(files.get(name) ?? "", "base64").toString();

describeWithTools(
  ["xz", "fsck.vfat", "mcopy", "sfdisk"],
  "a node's patch",
  () => {
    test.each([
      ["24.04", ["cmdline.txt"]],
      ["26.04", ["current/cmdline.txt"]],
    ] as const)(
      "on the sample of %s gives a sound image of that node",
      async (version, cmdlines) => {
        const folder = temporaryFolder();
        const image = await decodeSample(version, folder);
        const source = await openForTest(image);
        const before = await readWithMtools(
          image,
          1024 * 1024,
          join(folder, "before"),
        );
        const changes = node("worker2");
        const made = await makeNodePatch(await prepareBase(source), changes);
        expect(
          made.patch.reduce((sum, part) => sum + part.data.length, 0),
        ).toBeLessThan(64 * 1024);
        await patchFile(image, made.patch);
        await cutOut(image, made.table.partitions[0], join(folder, "p1"));
        expect(await fsckFat(join(folder, "p1"))).toBe("");
        const after = await readWithMtools(
          image,
          1024 * 1024,
          join(folder, "after"),
        );
        for (const file of changes.files) {
          expect(after.get(file.name)).toBe(
            Buffer.from(file.data).toString("base64"),
          );
        }
        expect(read(after, "config.txt")).toBe(made.configTxt);
        expect(made.configTxt).toContain(
          "[pi5]\ndtparam=pciex1_gen=3\n[all]\n",
        );
        for (const path of cmdlines) {
          expect(read(after, path)).toBe(made.cmdlineTxt);
          expect(read(after, path)).toMatch(
            /^[^\n]* cgroup_enable=memory cgroup_memory=1\n$/,
          );
        }
        const ours = [
          ...changes.files.map((file) => file.name),
          "config.txt",
          ...cmdlines,
        ];
        const others = (files: ReadonlyMap<string, string>) =>
          new Map([...files].filter(([name]) => !ours.includes(name)));
        expect(others(after)).toEqual(others(before));
        const id = await runTool("sfdisk", ["--disk-id", image]);
        expect(Number(id.stdout)).toBe(changes.diskId);
        expect(made.table.diskId).toBe(changes.diskId);

        // The same node again, on what is its image already.
        const again = await makeNodePatch(await prepareBase(source), changes);
        expect(again.configTxt).toBe(made.configTxt);
        expect(again.cmdlineTxt).toBe(made.cmdlineTxt);
      },
    );

    test("edits the command line in new/ as well, once an update is staged there", async () => {
      const folder = temporaryFolder();
      const image = await decodeSample("26.04", folder);
      const partition = `${image}@@${1024 * 1024}`;
      await runTool("mmd", ["-i", partition, "::/new"]);
      await runTool("mcopy", ["-i", partition, "-", "::/new/cmdline.txt"], {
        input: "root=LABEL=writable\n",
      });
      const made = await makeNodePatch(
        await prepareBase(await openForTest(image)),
        node("a"),
      );
      await patchFile(image, made.patch);
      const after = await readWithMtools(
        image,
        1024 * 1024,
        join(folder, "after"),
      );
      expect(read(after, "new/cmdline.txt")).toBe(
        "root=LABEL=writable cgroup_enable=memory cgroup_memory=1\n",
      );
      expect(read(after, "current/cmdline.txt")).toContain(
        "panic=10 rootwait fixrtc cgroup_enable=memory",
      );
    });

    test("depends on the node alone, and starts from one prepared base for all nodes", async () => {
      const source = await openForTest(
        await decodeSample("24.04", temporaryFolder()),
      );
      const base = await prepareBase(source);
      const names = Array.from({ length: 20 }, (_, index) => `worker${index}`);
      const first = await Promise.all(
        names.map((name) => makeNodePatch(base, node(name))),
      );
      for (const [index, name] of names.entries()) {
        const alone = await makeNodePatch(
          await prepareBase(source),
          node(name),
        );
        expect(alone).toEqual(first[index]);
      }
      expect(new Set(first.map(({ table }) => table.diskId)).size).toBe(
        names.length,
      );
    });

    test("is refused when the seed does not fit", async () => {
      const source = await openForTest(
        await decodeSample("24.04", temporaryFolder()),
      );
      const large = [
        { name: "user-data", data: Buffer.alloc(40 * 1024 * 1024) },
      ];
      const made = makeNodePatch(await prepareBase(source), {
        ...node("a"),
        files: large,
      });
      await expect(made).rejects.toMatchObject({
        code: "BOOT_PARTITION_FULL",
        facts: [
          expect.stringMatching(/^it needs 40.0 MiB/),
          expect.stringMatching(/^the boot partition has 32\.\d MiB/),
        ],
      });
    });

    test("is refused when the base lacks a command line or is bound to its disk id", async () => {
      const folder = temporaryFolder();
      const image = await decodeSample("24.04", folder);
      const partition = `${image}@@${1024 * 1024}`;
      const bound = "root=PARTUUID=24042404-02 rootwait\n";
      await runTool(
        "mcopy",
        ["-D", "o", "-i", partition, "-", "::/cmdline.txt"],
        { input: bound },
      );
      const source = await openForTest(image);
      await expect(
        makeNodePatch(await prepareBase(source), node("a")),
      ).rejects.toMatchObject({
        code: "BASE_BOUND_TO_DISK_ID",
      });
      const kept = await makeNodePatch(await prepareBase(source), {
        ...node("a"),
        diskId: "keep",
      });
      expect(kept.table.diskId).toBe(0x24042404);
      expect(kept.cmdlineTxt).toContain("root=PARTUUID=24042404-02");
      expect(kept.patch.every(({ offset }) => offset >= 1024 * 1024)).toBe(
        true,
      );
      await runTool("mdel", ["-i", partition, "::/cmdline.txt"]);
      await expect(
        makeNodePatch(await prepareBase(source), node("a")),
      ).rejects.toMatchObject({
        code: "BOOT_CMDLINE_MISSING",
      });
    });
  },
);
