// A file in a partition of its own before the root partition: every way of reading gives the same image, and root still grows.
import {
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openImage } from "../../src/image/archive/open-image.ts";
import { mapUsed } from "../../src/image/block-map.ts";
import {
  insertedReader,
  insertedSource,
  planInsertion,
} from "../../src/image/insertion.ts";
import { findRootPartition } from "../../src/image/table/find-partitions.ts";
import { readPartitionTable } from "../../src/image/table/partition-table.ts";
import { type Range, rangeEnd, totalLength } from "../../src/image/range.ts";
import { openFileSource, type Source } from "../../src/image/source.ts";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { failureOf } from "../support/failure.ts";
import { fc, seededBytes } from "../support/seeded.ts";
import { describeWithTools } from "../support/tools.ts";
import { randomCases } from "./cases.ts";
import { cutOut, decodeSample, type SampleVersion } from "./sample-fixture.ts";

const MIB = 1024 * 1024;
const UNIT = 4 * MIB;

describeWithTools(
  ["xz", "sfdisk", "growpart", "e2fsck", "resize2fs", "sgdisk", "debugfs"],
  "an image with a bundle",
  () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), "pi-image-insertion-"));
    });
    const closers: (() => Promise<void>)[] = [];
    afterEach(async () => {
      await Promise.all(closers.splice(0).map((close) => close()));
      rmSync(folder, { recursive: true });
    });

    const at = (name: string): string => join(folder, name);
    const fileOf = (bytes: number, seed: string): string => {
      writeFileSync(at("bundle"), seededBytes(bytes, seed));
      return at("bundle");
    };

    const around = async (raw: string, bundle: string) => {
      const base = await openFileSource(raw);
      const file = await openFileSource(bundle);
      const insertion = await planInsertion(base, file.size);
      return {
        insertion,
        base,
        source: insertedSource(base, insertion, file),
        reader: async () => {
          const opened = await openImage(raw);
          closers.push(opened.close);
          return insertedReader(opened, insertion, bundle, undefined);
        },
      };
    };

    const writeWhole = async (
      chunks: AsyncIterable<{ offset: number; data: Uint8Array }>,
      path: string,
      size: number,
    ): Promise<void> => {
      const handle = await open(path, "w");
      try {
        await handle.truncate(size);
        for await (const { offset, data } of chunks) {
          await handle.write(data, 0, data.length, offset);
        }
      } finally {
        await handle.close();
      }
    };

    const rootOf = async (source: Source): Promise<Range> => {
      const root = await findRootPartition(
        source,
        await readPartitionTable(source),
      );
      expect(root?.number).toBe(2);
      return root ?? { offset: 0, length: 0 };
    };

    it.each(["24.04", "26.04"] as const satisfies readonly SampleVersion[])(
      "of Ubuntu %s has a sound table, an untouched root and all of the bundle",
      async (version) => {
        const raw = await decodeSample(version, folder);
        const bundle = fileOf(5 * MIB + 12_345, version);
        const { base, source, reader, insertion } = await around(raw, bundle);
        expect(insertion).toMatchObject({
          length: 2 * UNIT,
          bytes: 5 * MIB + 12_345,
        });
        const image = at("image");
        await writeWhole((await reader()).chunks(), image, source.size);
        // The table: three partitions, the new one in front of root, which keeps its number.
        const verified = await tryTool("sfdisk", ["--verify", image]);
        expect(`${verified.stdout}${verified.stderr}`).toContain(
          "No errors detected",
        );
        const { stdout } = await runTool("sfdisk", ["--json", image]);
        const { partitiontable } = JSON.parse(stdout) as {
          partitiontable: {
            id: string;
            partitions: {
              node: string;
              start: number;
              size: number;
              type: string;
            }[];
          };
        };
        const [first, second, third] = partitiontable.partitions;
        expect(partitiontable.partitions).toHaveLength(3);
        expect(third).toMatchObject({
          node: `${image}3`,
          start: insertion.offset / 512,
          size: insertion.length / 512,
          type: "da",
        });
        expect(second?.start).toBe((third?.start ?? 0) + (third?.size ?? 0));
        expect(first?.type).toBe("c");
        // Its bytes, and root's.
        const [was, is] = [await rootOf(base), await rootOf(source)];
        expect(is).toEqual({ ...was, offset: was.offset + insertion.length });
        await cutOut(image, insertion, at("p3"));
        const p3 = readFileSync(at("p3"));
        const file = readFileSync(bundle);
        expect(p3.subarray(0, file.length).equals(file)).toBe(true);
        expect(p3.subarray(file.length).every((byte) => byte === 0)).toBe(true);
        await cutOut(image, is, at("p2"));
        await cutOut(raw, was, at("root"));
        expect(readFileSync(at("p2")).equals(readFileSync(at("root")))).toBe(
          true,
        );
        expect((await tryTool("e2fsck", ["-fn", at("p2")])).status).toBe(0);
        // The used part: all of the bundle, and of the base what was used before.
        const [mapWas, mapIs] = [await mapUsed(base), await mapUsed(source)];
        expect(mapIs.notes).toEqual(mapWas.notes);
        expect(totalLength(mapIs.ranges)).toBe(
          totalLength(mapWas.ranges) + insertion.length,
        );
        // Reading at random gives the same, across all borders.
        const whole = readFileSync(image);
        await fc.assert(
          fc.asyncProperty(
            fc.oneof(
              fc.nat(source.size),
              fc
                .constantFrom(0, 512, insertion.offset, rangeEnd(insertion))
                .chain((border) =>
                  fc.nat(2000).map((less) => Math.max(0, border - less)),
                ),
            ),
            fc.nat(3 * UNIT),
            async (offset, length) => {
              const end = Math.min(offset + length, source.size);
              const read = await source.read(offset, end - offset);
              expect(read.equals(whole.subarray(offset, end))).toBe(true);
            },
          ),
          { numRuns: randomCases(40) },
        );
        await source.close();
      },
    );

    it("grows its root to the end of a larger card, once", async () => {
      const raw = await decodeSample("24.04", folder);
      const { source, reader } = await around(raw, fileOf(UNIT, "grow"));
      const image = at("image");
      await writeWhole((await reader()).chunks(), image, source.size);
      await source.close();
      truncateSync(image, 1024 * MIB);
      const grown = await tryTool("growpart", [image, "2"]);
      expect(grown.stdout).toMatch(/^CHANGED: partition=2 /);
      const again = await tryTool("growpart", [image, "2"]);
      expect([again.status, again.stdout]).toEqual([
        1,
        expect.stringMatching(/^NOCHANGE: partition 2 /),
      ]);
      const card = await openFileSource(image);
      const root = await rootOf(card);
      expect(card.size - rangeEnd(root)).toBeLessThan(2 * MIB);
      await card.close();
      // resize2fs takes a file.
      expect(root.length).toBeGreaterThan(900 * MIB);
      await runTool("dd", [
        `if=${image}`,
        `of=${at("p2")}`,
        "bs=1M",
        "iflag=skip_bytes",
        `skip=${root.offset}`,
        "conv=sparse",
        "status=none",
      ]);
      truncateSync(at("p2"), root.length);
      expect((await tryTool("e2fsck", ["-fy", at("p2")])).status).toBe(0);
      await runTool("resize2fs", [at("p2")]);
      expect((await tryTool("e2fsck", ["-fn", at("p2")])).status).toBe(0);
    });

    it("decodes only what is asked for, and all of that", async () => {
      const raw = await decodeSample("24.04", folder);
      const { source, reader, insertion } = await around(
        raw,
        fileOf(UNIT + 1, "ranges"),
      );
      const image = at("image");
      await writeWhole((await reader()).chunks(), image, source.size);
      const whole = readFileSync(image);
      const place = fc.oneof(
        fc.nat(source.size - 1),
        fc.constantFrom(
          0,
          insertion.offset - 1,
          insertion.offset,
          insertion.offset + UNIT,
          rangeEnd(insertion) - 1,
          rangeEnd(insertion),
        ),
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(place, fc.integer({ min: 1, max: UNIT })), {
            minLength: 1,
            maxLength: 6,
          }),
          async (places) => {
            const ranges: Range[] = [];
            for (const [offset, length] of places.toSorted(
              (a, b) => a[0] - b[0],
            )) {
              const end =
                ranges.at(-1) === undefined ? 0 : rangeEnd(ranges.at(-1)!) + 1;
              const from = Math.max(offset, end);
              const to = Math.min(from + length, source.size);
              if (from < to) {
                ranges.push({ offset: from, length: to - from });
              }
            }
            const got = Buffer.alloc(source.size);
            let position = 0;
            for await (const { offset, data } of (await reader()).chunks(
              ranges,
            )) {
              expect(offset).toBeGreaterThanOrEqual(position);
              expect(
                whole.subarray(offset, offset + data.length).equals(data),
              ).toBe(true);
              got.set(data, offset);
              position = offset + data.length;
            }
            for (const range of ranges) {
              expect(
                got
                  .subarray(range.offset, rangeEnd(range))
                  .equals(whole.subarray(range.offset, rangeEnd(range))),
              ).toBe(true);
            }
          },
        ),
        { numRuns: randomCases(25) },
      );
      await source.close();
    });

    it("is refused where the table has no place for it", async () => {
      const raw = await decodeSample("24.04", folder);
      const refusal = async (length = UNIT): Promise<string> => {
        const base = await openFileSource(raw);
        try {
          const failure = await failureOf(planInsertion(base, length));
          return `${failure.code}: ${failure.message}`;
        } finally {
          await base.close();
        }
      };
      const bytes = readFileSync(raw);
      const third = Buffer.from(bytes);
      // An entry 3 of one sector behind the table.
      third.set([0, 0, 0, 0, 0x83, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], 446 + 32);
      writeFileSync(raw, third);
      expect(await refusal()).toBe(
        "BASE_CANNOT_CARRY: a bundle cannot be put into the base image: it has a partition 3 already",
      );
      writeFileSync(raw, bytes);
      // Root would begin behind 2 TiB.
      expect(await refusal(2 ** 41)).toBe(
        "BASE_CANNOT_CARRY: a bundle cannot be put into the base image: it would reach beyond what an MBR can say",
      );
      truncateSync(raw, bytes.length + 16 * MIB);
      await runTool("sh", [
        "-ec",
        'echo ",,f" | sfdisk -q -N 4 "$1"; echo ",4M" | sfdisk -q -N 5 "$1"',
        "sh",
        raw,
      ]);
      expect(await refusal()).toBe(
        "BASE_CANNOT_CARRY: a bundle cannot be put into the base image: it has logical partitions",
      );
      writeFileSync(raw, bytes);
      await runTool("sgdisk", ["--mbrtogpt", raw]);
      expect(await refusal()).toBe(
        "BASE_CANNOT_CARRY: a bundle cannot be put into the base image: its partition table is a GPT",
      );
    });
  },
);
