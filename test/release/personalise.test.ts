// A role image that becomes a node's while it is flashed: the same boot partition as from the node's own base.
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { originalBase } from "../../src/build/marker.ts";
import { prepareBase } from "../../src/image/node-patch.ts";
import { openImage } from "../../src/image/archive/open-image.ts";
import { bufferSource } from "../../src/image/source.ts";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { bootFiles, makeProject, type Project } from "./release-folder.ts";

const rootDigest = async (image: string): Promise<string> => {
  const { stdout } = await runTool("sfdisk", ["--json", image]);
  const [, root] = (
    JSON.parse(stdout) as {
      partitiontable: { partitions: { start: number; size: number }[] };
    }
  ).partitiontable.partitions;
  const hash = createHash("sha256");
  const start = (root?.start ?? 0) * 512;
  const end = start + (root?.size ?? 0) * 512 - 1;
  for await (const piece of createReadStream(image, { start, end })) {
    hash.update(piece as Buffer);
  }
  return hash.digest("hex");
};

describeWithTools(
  ["mcopy", "sfdisk", "fsck.vfat", "xz", "zstd"],
  "a role image and --host",
  () => {
    let project: Project;
    const worker = () =>
      project.path("release", "homelab-worker-sample.img.xz");

    beforeAll(async () => {
      project = makeProject();
      await project.pi("release", "--format", "img.xz,img.zst");
      await project.pi("build");
    });
    afterAll(() => project.remove());

    it.each([
      ["attic", "worker", "img.xz"],
      ["attic", "worker", "img.zst"],
      ["cellar", "control-plane", "img.xz"],
    ])(
      "gives the card of %s from the %s image (%s)",
      async (host, role, end) => {
        const image = `release/homelab-${role}-sample.${end}`;
        const [given, built] = ["given.img", `out/${host}.img`];
        await project.pi(
          "flash",
          given,
          image,
          "--host",
          host,
          "--yes",
          "--wipe",
        );
        const files = await bootFiles(project.path(given));
        expect(files.has("user-data")).toBe(true);
        expect(files.has("vendor-data")).toBe(false);
        expect(files).toEqual(await bootFiles(project.path(built)));
        const root = await rootDigest(project.path(given));
        expect(root).toBe(await rootDigest(project.path(built)));
        await runTool("dd", [
          `if=${project.path(given)}`,
          `of=${project.path("boot.img")}`,
          "bs=1M",
          "skip=1",
          "count=64",
          "status=none",
        ]);
        const fsck = await tryTool("fsck.vfat", [
          "-n",
          project.path("boot.img"),
        ]);
        expect(fsck.status, fsck.stdout).toBe(0);
        // The disk id, too: it follows from the node's seed.
        const [first, second] = await Promise.all(
          [given, built].map((name) => readFile(project.path(name))),
        );
        expect(
          first?.subarray(0, 512).equals(second?.subarray(0, 512) ?? first),
        ).toBe(true);
      },
    );

    it("gives the card that the node's base gives", async () => {
      // The built image would be taken instead.
      const from = ["--host", "loft", "--yes", "--out", "elsewhere"];
      await project.pi("flash", "own.img", ...from);
      await project.pi(
        "flash",
        "given.img",
        "release/homelab-worker-sample.img.xz",
        ...from,
      );
      expect(await bootFiles(project.path("given.img"))).toEqual(
        await bootFiles(project.path("own.img")),
      );
    });

    it("is the image as released without --host", async () => {
      await project.pi("flash", "plain.img", worker(), "--yes", "--wipe");
      await runTool("sh", [
        "-c",
        'xz -dc "$1" | cmp - "$2"',
        "sh",
        worker(),
        project.path("plain.img"),
      ]);
    });

    it("builds on a role image like on its base", async () => {
      await project.pi(
        "build",
        "--host",
        "attic",
        "--base",
        worker(),
        "-o",
        "on-role",
      );
      expect(await bootFiles(project.path("on-role/attic.img"))).toEqual(
        await bootFiles(project.path("out/attic.img")),
      );
    });

    it.each([
      [
        "another role",
        ["release/homelab-worker-sample.img.xz", "--host", "cellar"],
        "ROLE_IMAGE_WRONG",
        "is a role image for the role worker, and cellar is a control-plane",
      ],
      [
        "another node's image",
        ["out/attic.img", "--host", "loft"],
        "ROLE_IMAGE_WRONG",
        "out/attic.img is the image of attic, not a role image",
      ],
      [
        "two bases",
        [
          "release/homelab-worker-sample.img.xz",
          "--host",
          "attic",
          "--base",
          "sample",
        ],
        "WRONG_ARGUMENTS",
        "an image file and --base are two bases for one node",
      ],
    ])("refuses %s", async (_, args, code, message) => {
      const refused = await project.tryPi(["flash", "x.img", ...args, "--yes"]);
      expect(refused.status).toBe(2);
      expect(refused.stderr).toContain(`error[${code}]: `);
      expect(refused.stderr).toContain(message);
    });

    it("refuses a plain base, and takes the node's own image", async () => {
      await project.pi(
        "flash",
        "y.img",
        "out/attic.img",
        "--host",
        "attic",
        "--yes",
      );
      await runTool("sh", [
        "-c",
        'xz -dc "$1" >"$2"',
        "sh",
        new URL(
          "../../profiles/base-images/sample-ubuntu-24.04.img.xz",
          import.meta.url,
        ).pathname,
        project.path("plain-base.img"),
      ]);
      const flash = (...args: readonly string[]) =>
        project.tryPi([
          "flash",
          "z.img",
          "plain-base.img",
          "--host",
          "attic",
          "--yes",
          ...args,
        ]);
      const unproven = await flash();
      expect(unproven.status).toBe(4);
      expect(unproven.stderr).toContain("error[CHECKSUM_MISSING]: ");
      const refused = await flash("--insecure");
      expect(refused.status).toBe(2);
      expect(refused.stderr).toContain(
        "plain-base.img is not a role image of `pi-image release`",
      );
    });

    it("remembers that it was made from the sample, which no real disk gets", async () => {
      const { source, close } = await openImage(worker());
      const prepared = await prepareBase(
        source ?? bufferSource(Buffer.alloc(0)),
      );
      const record = { name: "x", sha256: "0", origin: "file" } as const;
      expect(await originalBase(prepared, record)).toMatchObject({
        name: "sample-ubuntu-24.04.img.xz",
        sample: true,
      });
      await close();
    });
  },
);
