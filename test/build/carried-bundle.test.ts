// A file that the cards carry: every way to a card gives the same bytes, its root grows on any card, and a card that does not
// hold the file is found. Any file does; what is in it is somebody else's test.
import { createHash } from "node:crypto";
import {
  closeSync,
  openSync,
  readFileSync,
  realpathSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { carryingBase, type ProvenBase } from "../../src/base/proven-base.ts";
import { readyBases } from "../../src/build/ready-bases.ts";
import type { BuildFormat } from "../../src/build/plan-build.ts";
import { buildNodes } from "../../src/build/run-build.ts";
import { openForReading } from "../../src/device/open/open-for-reading.ts";
import { verifyAgainstImage } from "../../src/flash/verify-card.ts";
import { rangeEnd, totalLength } from "../../src/image/range.ts";
import type { ImageReader } from "../../src/image/reader.ts";
import type { ResolvedNode } from "../../src/inventory/resolved.ts";
import type { NodeSeed } from "../../src/project/render-seeds.ts";
import { openBases } from "../../src/project/open-bases.ts";
import { openImageFile } from "../../src/sources/image-source.ts";
import { sourcesFromBase } from "../../src/sources/sources-from-base.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { listDevices } from "../../src/device/helper/device-work.ts";
import { openTarget } from "../../src/device/open/open-target.ts";
import { flashImage } from "../../src/flash/run-flash.ts";
import { usableTarget } from "../device/loop.ts";
import { randomCases } from "../image/cases.ts";
import { cutOut, type SampleVersion } from "../image/sample-fixture.ts";
import { renderSeed } from "../seed/render-seed.ts";
import {
  sampleNode,
  sampleProject,
  seedInput,
} from "../seed/sample-project.ts";
import { temporaryFolder } from "../support/folder.ts";
import { fc, seededBytes } from "../support/seeded.ts";
import { describeWithTools } from "../support/tools.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const UNIT = 4 * MIB;
const VERSIONS: readonly SampleVersion[] = ["24.04", "26.04"];
const NODES = ["worker1", "worker2"] as const;
const buildTime = new Date("2026-12-01T06:00:00Z");
const signal = new AbortController().signal;
const report = (): void => undefined;

const sha256 = (data: Uint8Array): string =>
  createHash("sha256").update(data).digest("hex");

/** A base in the folder with a block map beside it, as its makers would publish it. */
const withMap = async (archive: string, folder: string): Promise<string> => {
  const copy = join(folder, "base-with-map.img");
  await copyFile(archive, `${copy}.xz`);
  await runTool("xz", ["-d", "-k", `${copy}.xz`]);
  await runTool("bmaptool", ["create", "-o", `${copy}.bmap`, copy]);
  return `${copy}.xz`;
};

/** A base that carries this many bytes, and two nodes that are made from it. */
const carrying = async (
  version: SampleVersion,
  bytes: number,
  choose: typeof withMap = async (archive) => archive,
) => {
  const folder = await temporaryFolder();
  const archive = packageFile(
    `profiles/base-images/sample-ubuntu-${version}.img.xz`,
  );
  const bases = await openBases([await choose(archive, folder)], {
    explicit: true,
    sha256: undefined,
    signedBy: undefined,
    insecure: true,
    pinOf: () => undefined,
    mirrors: [],
    env: { PI_IMAGE_CACHE_HOME: join(folder, "cache") },
    report,
    signal,
  });
  const [plain] = bases.values();
  const data = seededBytes(bytes, `bundle of ${bytes}`);
  const path = join(folder, "bundle");
  writeFileSync(path, data);
  if (plain === undefined) {
    throw new Error("no base was opened");
  }
  const bundle = { path, bytes, sha256: sha256(data) };
  const base = await carryingBase(plain, bundle);
  onTestFinished(async () => {
    await base.close();
    await plain.close();
  });
  const seeds: NodeSeed[] = [];
  for (const host of NODES) {
    const node: ResolvedNode = {
      ...sampleNode,
      name: host,
      base: `ubuntu-${version}`,
    };
    const { seed, problems } = renderSeed({
      ...(await seedInput(sampleProject, node)),
      manifests: [],
      bundle: { index: sha256(Buffer.from("index")) },
      kubernetesKey: "the key on the card",
    });
    if (seed === undefined) {
      throw new Error(JSON.stringify(problems));
    }
    seeds.push({ node, seed, bundle });
  }
  const room = base.carries?.insertion;
  if (room === undefined) {
    throw new Error("the base carries nothing");
  }
  return { folder, base, plain, seeds, data, bundle, room };
};

type Carrying = Awaited<ReturnType<typeof carrying>>;

/** As `build` does it; returns the folder of the results. */
const buildAs = async (
  { folder, base, seeds }: Carrying,
  format: BuildFormat,
): Promise<string> => {
  const out = join(folder, `out-${format}`);
  await runTool("mkdir", ["-m", "0700", out]);
  const job = {
    project: sampleProject,
    out,
    format,
    buildTime,
    version: "0.0.0",
    report,
    signal,
  };
  const bases = new Map<string, ProvenBase>([["base", base]]);
  const ready = await readyBases(job, bases, seeds, () => "base");
  const prepared = ready.get("base");
  if (prepared === undefined) {
    throw new Error("the base is not ready");
  }
  await buildNodes(job, base, prepared, seeds);
  return out;
};

const sourcesOf = async ({ base, seeds }: Carrying) => {
  const { sourceOf } = await sourcesFromBase(base, signal);
  const facts = { cluster: sampleProject.cluster, buildTime, version: "0.0.0" };
  const all = await Promise.all(
    seeds.map((seed) => sourceOf(seed, facts, false)),
  );
  const [first] = all;
  if (first === undefined) {
    throw new Error("no source");
  }
  return { all, first };
};

/** Streams base and patch of each node to a card of its own, all at once, as `flash --host` does it. */
const flashAll = async (
  of: Carrying,
  {
    wrapReader = (reader: ImageReader) => reader,
    cardBytes = 0,
    wipe = true,
  } = {},
): Promise<readonly string[]> => {
  const { all: sources, first } = await sourcesOf(of);
  const targets = [];
  const cards = sources.map(({ node }) =>
    join(of.folder, `card-${node?.name}`),
  );
  for (const [index, { patch, size }] of sources.entries()) {
    const card = cards[index] ?? "";
    writeFileSync(card, "");
    truncateSync(card, Math.max(size, cardBytes));
    const target = await openTarget(
      await usableTarget(card),
      size,
      listDevices,
    );
    targets.push({ target, patch });
  }
  const results = await flashImage({
    reader: wrapReader(first.reader),
    ranges: first.ranges,
    wipe,
    discard: false,
    targets,
    report,
  });
  expect(results.map(({ error }) => error)).toEqual(
    sources.map(() => undefined),
  );
  return cards;
};

/** Changes one bit of a file. */
const flip = (path: string, at: number): void => {
  const file = openSync(path, "r+");
  const byte = readFileSync(path).subarray(at, at + 1);
  writeSync(file, Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, at);
  closeSync(file);
};

describeWithTools(
  ["xz", "zstd", "bmaptool", "sfdisk", "growpart", "e2fsck", "resize2fs"],
  "cards that carry a bundle",
  () => {
    it.each(VERSIONS)(
      "are the same whichever way they are made, from Ubuntu %s",
      async (version) => {
        const of = await carrying(version, 5 * MIB + 4321);
        const { folder, data, bundle, room } = of;
        const img = join(await buildAs(of, "img"), "worker1.img");
        const image = readFileSync(img);
        expect(
          image.subarray(room.offset, room.offset + data.length).equals(data),
        ).toBe(true);
        const manifest = JSON.parse(
          readFileSync(img.replace(/img$/, "manifest.json"), "utf8"),
        ) as unknown;
        expect(manifest).toMatchObject({
          bundle: { bytes: bundle.bytes, sha256: bundle.sha256 },
          image: { file: "worker1.img" },
        });

        // Found by a name that no other place changes.
        expect(
          readFileSync(img.replace(/\.img$/, "/cmdline.txt"), "utf8"),
        ).toContain(" root=LABEL=writable ");

        // Packed, and unpacked by the formats' own programs.
        for (const [format, tool] of [
          ["img.xz", "xz"],
          ["img.zst", "zstd"],
        ] as const) {
          const packed = join(await buildAs(of, format), `worker1.${format}`);
          await runTool(tool, ["-q", "-d", packed]);
          const unpacked = packed.replace(/\.(xz|zst)$/, "");
          expect(readFileSync(unpacked).equals(image), format).toBe(true);
        }

        // As a patch: what is put in, and then the parts.
        const patch = JSON.parse(
          readFileSync(
            join(await buildAs(of, "patch"), "worker1.patch.json"),
            "utf8",
          ),
        ) as {
          schema: number;
          imageBytes: number;
          reads: readonly { offset: number; length: number; sha256: string }[];
          insert: {
            offset: number;
            length: number;
            bytes: number;
            sha256: string;
          };
          parts: readonly { offset: number; data: string }[];
        };
        const raw = readFileSync(await of.plain.rawPath());
        const { insert } = patch;
        expect([patch.schema, insert.sha256, insert.bytes]).toEqual([
          2,
          bundle.sha256,
          bundle.bytes,
        ]);
        for (const read of patch.reads) {
          const part = raw.subarray(read.offset, read.offset + read.length);
          expect(sha256(part)).toBe(read.sha256);
        }
        const joined = Buffer.concat([
          raw.subarray(0, insert.offset),
          data,
          Buffer.alloc(insert.length - insert.bytes),
          raw.subarray(insert.offset),
        ]);
        expect(joined.length).toBe(patch.imageBytes);
        expect(joined.equals(image)).toBe(false);
        for (const part of patch.parts) {
          Buffer.from(part.data, "base64").copy(joined, part.offset);
        }
        expect(joined.equals(image)).toBe(true);

        // Copied by the block map: of a card, everything that is used.
        const copied = join(folder, "copied");
        await runTool("bmaptool", [
          "copy",
          "--bmap",
          `${img}.bmap`,
          img,
          copied,
        ]);
        const [p3, was] = [
          join(folder, "p3"),
          join(folder, "bundle-and-zeros"),
        ];
        await cutOut(copied, room, p3);
        await cutOut(img, room, was);
        expect(readFileSync(p3).equals(readFileSync(was))).toBe(true);

        // What a receipt says, of the image and of what is streamed.
        const context = { env: {}, report, signal };
        const built = await openImageFile(context, img, {});
        await built.close();
        const { first } = await sourcesOf(of);
        expect([built.bundle, first.bundle]).toEqual([
          { sha256: bundle.sha256 },
          { sha256: bundle.sha256 },
        ]);
        expect(first.files).toContain(realpathSync(bundle.path));

        // Streamed to both cards at once, reading the bundle once.
        let bytesOfBundle = 0;
        const [card] = await flashAll(of, {
          wrapReader: (reader) => ({
            ...reader,
            chunks: async function* (ranges) {
              for await (const chunk of reader.chunks(ranges)) {
                if (
                  chunk.offset >= room.offset &&
                  chunk.offset < rangeEnd(room)
                ) {
                  bytesOfBundle += chunk.data.length;
                }
                yield chunk;
              }
            },
          }),
        });
        expect(readFileSync(card ?? "").equals(image)).toBe(true);
        expect(bytesOfBundle).toBe(room.length);
      },
    );

    it.each(
      VERSIONS.flatMap((version) =>
        [8, 16, 64].map((gib) => [version, gib] as const),
      ),
    )(
      "from Ubuntu %s grow their root to the end of %d GiB",
      async (version, gib) => {
        const of = await carrying(version, UNIT + 1);
        const { folder, room } = of;
        const card = join(folder, "card");
        await runTool("mv", [
          join(await buildAs(of, "img"), "worker1.img"),
          card,
        ]);
        const before = readFileSync(card).subarray(rangeEnd(room));
        truncateSync(card, gib * GIB);
        const grown = await tryTool("growpart", [card, "2"]);
        expect(grown.stdout).toMatch(/^CHANGED: partition=2 /);
        const again = await tryTool("growpart", [card, "2"]);
        expect([again.status, again.stdout]).toEqual([
          1,
          expect.stringMatching(/^NOCHANGE: partition 2 /),
        ]);
        const { stdout } = await runTool("sfdisk", ["--json", card]);
        const { partitions } = (
          JSON.parse(stdout) as {
            partitiontable: {
              partitions: readonly { start: number; size: number }[];
            };
          }
        ).partitiontable;
        const [, root, third] = partitions;
        expect(third).toMatchObject({
          start: room.offset / 512,
          size: room.length / 512,
          type: "da",
        });
        const end = ((root?.start ?? 0) + (root?.size ?? 0)) * 512;
        expect(gib * GIB - end).toBeLessThan(2 * MIB);
        expect((root?.start ?? 0) * 512).toBe(rangeEnd(room));
        // resize2fs takes a file.
        const p2 = join(folder, "p2");
        writeFileSync(p2, before);
        truncateSync(p2, (root?.size ?? 0) * 512);
        expect((await tryTool("e2fsck", ["-fy", p2])).status).toBe(0);
        await runTool("resize2fs", [p2]);
        expect((await tryTool("e2fsck", ["-fn", p2])).status).toBe(0);
      },
    );

    it("are known by one wrong bit, wherever in the bundle it is", async () => {
      const of = await carrying("24.04", 5 * MIB + 4321);
      const { room } = of;
      const [card] = await flashAll(of, { cardBytes: 512 * MIB });
      const { first } = await sourcesOf(of);
      const differing = async () => {
        const target = await openForReading(await usableTarget(card ?? ""));
        try {
          return (await verifyAgainstImage({ target, report }, first))
            .differing;
        } finally {
          await target.close();
        }
      };
      expect(await differing()).toEqual([]);
      for (const at of [
        room.offset,
        room.offset + 5 * MIB + 4320,
        // Zeros behind the file.
        rangeEnd(room) - 1,
      ]) {
        flip(card ?? "", at);
        const [place, ...others] = await differing();
        expect(others).toEqual([]);
        expect(place?.offset).toBeLessThanOrEqual(at);
        expect(rangeEnd(place ?? { offset: 0, length: 0 })).toBeGreaterThan(at);
        flip(card ?? "", at);
      }
    });

    it("are compared with the block map of their base, which knows no bundle", async () => {
      const of = await carrying("24.04", UNIT + 1, withMap);
      const image = readFileSync(join(await buildAs(of, "img"), "worker1.img"));
      const { first } = await sourcesOf(of);
      expect(first.mapSource).toBe("bmap file");
      const [card] = await flashAll(of, { wipe: false });
      const written = readFileSync(card ?? "");
      for (const { offset, length } of first.ranges) {
        const part = written.subarray(offset, offset + length);
        expect(part.equals(image.subarray(offset, offset + length))).toBe(true);
      }
      // What the file systems use is among it.
      expect(totalLength(first.ranges)).toBeGreaterThan(of.room.length + MIB);
      const map = join(of.folder, "base-with-map.img.bmap");
      const text = readFileSync(map, "utf8");
      const wrong = text.replaceAll(/chksum="[0-9a-f]{8}/g, 'chksum="00000000');
      expect(wrong).not.toBe(text);
      const own = /<BmapFileChecksum> ?([0-9a-f]+)/.exec(text)?.[1] ?? "";
      const zeroed = wrong.replace(own, "0".repeat(own.length));
      writeFileSync(
        map,
        zeroed.replace("0".repeat(64), sha256(Buffer.from(zeroed))),
      );
      const { first: wrongly } = await sourcesOf(of);
      const readAll = async (): Promise<void> => {
        for await (const chunk of wrongly.reader.chunks()) {
          expect(chunk.data.length).toBeGreaterThan(0);
        }
      };
      await expect(readAll()).rejects.toThrow(
        "the image does not match its block map",
      );
    });

    it("hold any number of bytes", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(
            fc.integer({ min: 1, max: 3 * UNIT }),
            fc.constantFrom(1, 511, UNIT - 1, UNIT, UNIT + 1, 2 * UNIT),
          ),
          fc.constantFrom(...VERSIONS),
          async (bytes, version) => {
            const of = await carrying(version, bytes);
            const { room, data } = of;
            expect(room.length).toBe(Math.ceil(bytes / UNIT) * UNIT);
            const img = join(await buildAs(of, "img"), "worker2.img");
            const image = readFileSync(img);
            const held = image.subarray(room.offset, rangeEnd(room));
            expect(held.subarray(0, bytes).equals(data)).toBe(true);
            expect(held.subarray(bytes).every((byte) => byte === 0)).toBe(true);
            const [, card] = await flashAll(of);
            expect(readFileSync(card ?? "").equals(image)).toBe(true);
            const { stdout, stderr } = await tryTool("sfdisk", [
              "--verify",
              img,
            ]);
            expect(`${stdout}${stderr}`).toContain("No errors detected");
          },
        ),
        { numRuns: randomCases(4) },
      );
    });
  },
);
