// Damage inside an .xz file is found and named, and none of it costs memory or disk without end.
import { open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { expect, it } from "vitest";
import { openImage } from "../../src/image/archive/open-image.ts";
import {
  encodeIndex,
  streamFooter,
  streamHeader,
} from "../../src/image/archive/xz/xz-format.ts";
import { readXzIndex } from "../../src/image/archive/xz/xz-index.ts";
import { describeWithTools } from "../support/tools.ts";
import { failureOf } from "../support/failure.ts";
import { readImage, sampleImage, writeSample, xz } from "./archive-samples.ts";

describeWithTools(["xz"], "damage inside an .xz file", () => {
  it("is found in every block, and named", async () => {
    const image = sampleImage(20 * 4096);
    const good = xz(image, "--block-size=4KiB");
    const path = writeSample("good.xz", good);
    const file = await open(path, "r");
    const index = await readXzIndex(path, file);
    await file.close();
    for (let block = 0; block < index.blocks; block += 1) {
      const bad = Buffer.from(good);
      const at =
        (index.fileOffset[block] ?? 0) +
        Math.floor((index.stored[block] ?? 0) / 2);
      bad[at] = (bad[at] ?? 0) ^ 0x40;
      const error = await failureOf(
        readImage(writeSample("bad.xz", bad), image.length),
      );
      expect(`${error.code} ${error.message}`).toContain(
        `is damaged: block ${block + 1} of 20 (bytes ${block * 4096} to ${(block + 1) * 4096} of the image) cannot be decoded`,
      );
      expect(error.code).toBe("IMAGE_DAMAGED");
    }
  });

  it("is found when the index tells other sizes than the blocks", async () => {
    const good = xz(sampleImage(20_480), "--block-size=4KiB", "--threads=2");
    const path = writeSample("a.xz", good);
    const file = await open(path, "r");
    const index = await readXzIndex(path, file);
    await file.close();
    // The sum is right, and so are all checksums; one byte is told to be of the next block.
    const records = Array.from({ length: index.blocks }, (_, block) => ({
      stored: index.stored[block] ?? 0,
      decoded: block === 2 ? 4095 : 4096 + (block === 3 ? 1 : 0),
    }));
    const end = good.length - 12 - encodeIndex(records).length;
    const lying = encodeIndex(records);
    const bad = Buffer.concat([
      good.subarray(0, end),
      lying,
      streamFooter(4, lying.length),
    ]);
    const error = await failureOf(readImage(writeSample("b.xz", bad), 20_480));
    expect(error.message).toContain("block 3 of 5");
  });

  it("that decodes to far more than the index says ends at the limit", async () => {
    const parts = [
      xz(sampleImage(16_384), "--threads=1"),
      // Its header tells no size, as xz writes it with one thread. No zeros: xz would leave holes for them.
      xz(Buffer.alloc(96 * 1024 * 1024, 1), "--threads=1"),
      xz(sampleImage(16_384), "--threads=1"),
    ];
    const blocks: Buffer[] = [];
    const records: { readonly stored: number; readonly decoded: number }[] = [];
    for (const part of parts) {
      const file = await open(writeSample("part.xz", part), "r");
      const index = await readXzIndex("part.xz", file);
      await file.close();
      const stored = index.stored[0] ?? 0;
      blocks.push(part.subarray(12, 12 + Math.ceil(stored / 4) * 4));
      records.push({ stored, decoded: 16_384 });
    }
    const index = encodeIndex(records);
    const bomb = Buffer.concat([
      parts[0]?.subarray(0, 12) ?? Buffer.alloc(0),
      ...blocks,
      index,
      streamFooter(4, index.length),
    ]);
    const error = await failureOf(
      readImage(writeSample("bomb.xz", bomb), 3 * 16_384),
    );
    expect(error.message).toContain("block 2 of 3");
    expect(error.facts.join("; ")).toContain(
      "more bytes came than the index says",
    );
  });

  it("that asks for gigabytes of memory is refused", async () => {
    const image = sampleImage(64 * 1024);
    const huge = xz(image, "--lzma2=dict=1GiB", "--block-size=16KiB");
    const error = await failureOf(
      readImage(writeSample("a.xz", huge), image.length),
    );
    expect(error.code).toBe("IMAGE_DAMAGED");
    expect(error.facts.join(" ")).toContain("Memory usage limit");
  });

  it("by a filter that does not exist is named", async () => {
    const image = sampleImage(64 * 1024);
    const good = xz(image, "--block-size=16KiB");
    const bad = Buffer.from(good);
    const path = writeSample("a.xz", good);
    const file = await open(path, "r");
    const index = await readXzIndex(path, file);
    await file.close();
    const at = index.fileOffset[1] ?? 0;
    const header = ((bad[at] ?? 0) + 1) * 4;
    const place = bad.indexOf(0x21, at + 2);
    bad[place] = 0x3f;
    bad.writeUInt32LE(
      crc32(bad.subarray(at, at + header - 4)),
      at + header - 4,
    );
    const error = await failureOf(
      readImage(writeSample("b.xz", bad), image.length),
    );
    expect(error.message).toContain("block 2 of 4");
    expect(error.facts.join(" ")).toContain("Unsupported");
  });

  it("in a check of an unknown kind is refused", async () => {
    const index = encodeIndex([{ stored: 8, decoded: 512 }]);
    const header = streamHeader(4);
    const footer = streamFooter(4, index.length);
    header[7] = 3;
    header.writeUInt32LE(crc32(header.subarray(6, 8)), 8);
    footer[9] = 3;
    footer.writeUInt32LE(crc32(footer.subarray(4, 10)), 0);
    const bytes = Buffer.concat([header, Buffer.alloc(8), index, footer]);
    const error = await failureOf(openImage(writeSample("a.xz", bytes)));
    expect(`${error.code} ${error.message}`).toContain("unknown kind 3");
  });
});
