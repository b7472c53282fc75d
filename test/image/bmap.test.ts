// Block map files: ours read by bmaptool, bmaptool's read by us, and those that lie refused.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { mapUsed } from "../../src/image/block-map.ts";
import { renderBmap } from "../../src/image/bmap/bmap.ts";
import { bmapCheck } from "../../src/image/bmap/check-bmap.ts";
import { readBmap } from "../../src/image/bmap/read-bmap.ts";
import type { Range } from "../../src/image/range.ts";
import { UserError } from "../../src/report/user-error.ts";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { openForTest, temporaryFolder } from "./make-image.ts";
import { decodeSample } from "./sample-fixture.ts";
import { fc, seededBytes } from "../support/seeded.ts";

const writeBmap = (image: Buffer, ranges: readonly Range[]): string =>
  renderBmap({
    imageSize: image.length,
    ranges: ranges.map(({ offset, length }) => ({
      offset,
      length,
      sha256: createHash("sha256")
        .update(image.subarray(offset, offset + length))
        .digest("hex"),
    })),
  });

const check = (text: string, image: Buffer, chunk = 70_000): void => {
  const checker = bmapCheck(readBmap(Buffer.from(text)), image.length);
  for (let at = 0; at < image.length; at += chunk) {
    checker.add(at, image.subarray(at, at + chunk));
  }
  checker.finish();
};

const codeOf = (action: () => void): string => {
  try {
    action();
    return "accepted";
  } catch (error) {
    return error instanceof UserError
      ? `${error.code} ${error.exitCode}`
      : String(error);
  }
};

/** Puts the right checksum of the file into a text that was changed. */
const resealed = (text: string, algorithm = "sha256"): string => {
  const length = createHash(algorithm).digest("hex").length;
  const zeroed = text.replace(
    /(BmapFile\w+> )[0-9a-f]+/,
    `$1${"0".repeat(length)}`,
  );
  const checksum = createHash(algorithm).update(zeroed).digest("hex");
  return zeroed.replace("0".repeat(length), checksum);
};

const IMAGE = seededBytes(40 * 4096 + 1000, "image");
const RANGES = [
  { offset: 0, length: 4096 },
  { offset: 3 * 4096, length: 9 * 4096 },
  { offset: 20 * 4096, length: 20 * 4096 + 1000 },
];

/** The same map in the format of bmap 1.3. */
const asVersion13 = (): string => {
  const ranges = RANGES.map(({ offset, length }) => {
    const sha1 = createHash("sha1")
      .update(IMAGE.subarray(offset, offset + length))
      .digest("hex");
    return `<Range sha1="${sha1}"> ${offset / 4096}-${Math.ceil((offset + length) / 4096) - 1} </Range>`;
  });
  return resealed(
    writeBmap(IMAGE, RANGES)
      .replace("2.0", "1.3")
      .replace(/ *<ChecksumType>.*\n/, "")
      .replaceAll("BmapFileChecksum", "BmapFileSHA1")
      .replace(/( *<Range.*\n)+/, `${ranges.join("\n")}\n`),
    "sha1",
  );
};

describeWithTools(["bmaptool", "xz"], "a block map file", () => {
  const copyWithBmaptool = async (image: Buffer, text: string) => {
    const folder = temporaryFolder();
    const path = (name: string): string => join(folder, name);
    writeFileSync(path("a.img"), image);
    writeFileSync(path("a.bmap"), text);
    const result = await tryTool("bmaptool", [
      "copy",
      "--bmap",
      path("a.bmap"),
      path("a.img"),
      path("out"),
    ]);
    return {
      result,
      copy: result.status === 0 ? readFileSync(path("out")) : undefined,
    };
  };

  test.each([
    ["2.0", writeBmap(IMAGE, RANGES)],
    ["1.3", asVersion13()],
  ])("of version %s is used by bmaptool", async (_, text) => {
    const { result, copy } = await copyWithBmaptool(IMAGE, text);
    expect(result.stderr).not.toMatch(/ERROR/);
    for (const { offset, length } of RANGES) {
      expect(
        copy
          ?.subarray(offset, offset + length)
          .equals(IMAGE.subarray(offset, offset + length)),
      ).toBe(true);
    }
    expect(copy?.subarray(4096, 3 * 4096).every((byte) => byte === 0)).toBe(
      true,
    );
    check(text, IMAGE);
  });

  test("that does not match is refused by bmaptool and by us", async () => {
    const text = writeBmap(IMAGE, RANGES);
    const damaged = Buffer.from(IMAGE);
    damaged[5 * 4096] = (damaged[5 * 4096] ?? 0) ^ 1;
    const { result } = await copyWithBmaptool(damaged, text);
    expect(result.status).not.toBe(0);
    expect(
      codeOf(() => {
        check(text, damaged);
      }),
    ).toBe("BMAP_WRONG 4");
    const edited = text.replace("> 3-11 <", "> 3-10 <");
    expect((await copyWithBmaptool(IMAGE, edited)).result.status).not.toBe(0);
    expect(
      codeOf(() => {
        check(edited, IMAGE);
      }),
    ).toBe("BMAP_WRONG 4");
  });

  test("of a sample base is made from its metadata and used by bmaptool", async () => {
    const path = await decodeSample("24.04", temporaryFolder());
    const { ranges } = await mapUsed(await openForTest(path));
    const image = readFileSync(path);
    const { copy } = await copyWithBmaptool(image, writeBmap(image, ranges));
    const parts = (bytes: Buffer | undefined) =>
      ranges.map(({ offset, length }) =>
        bytes?.subarray(offset, offset + length),
      );
    expect(isDeepStrictEqual(parts(copy), parts(image))).toBe(true);
  });

  test("that bmaptool makes is read", async () => {
    const path = await decodeSample("26.04", temporaryFolder());
    const image = readFileSync(path);
    await runTool("cp", ["--sparse=always", path, `${path}.sparse`]);
    await runTool("bmaptool", [
      "create",
      "-o",
      `${path}.bmap`,
      `${path}.sparse`,
    ]);
    const made = readFileSync(`${path}.bmap`, "utf8");
    const bmap = readBmap(Buffer.from(made));
    expect(bmap.imageSize).toBe(image.length);
    expect(bmap.ranges.length).toBeGreaterThan(5);
    check(made, image);
  });
});

describe("a block map file that lies", () => {
  const good = writeBmap(IMAGE, RANGES);
  const change = (from: RegExp | string, to: string): string =>
    resealed(good.replace(from, to));

  test("is a judgement of what is wrong with it, not of its form", () => {
    expect(
      codeOf(() => {
        check(resealed(good), IMAGE);
      }),
    ).toBe("accepted");
    expect(
      readBmap(Buffer.from(good)).ranges.map(({ offset, length }) => ({
        offset,
        length,
      })),
    ).toEqual(RANGES);
  });

  test.each([
    ["another image size", change(`> ${IMAGE.length} <`, "> 4096 <")],
    ["a count of blocks that does not fit", change("> 41 <", "> 40 <")],
    [
      "blocks behind the image",
      change("> 20-40 <", "> 20-41 <").replace("> 20-41 <", "> 50-60 <"),
    ],
    ["a count of mapped blocks that does not fit", change("> 31 <", "> 30 <")],
    ["blocks without a checksum", change(/ chksum="[0-9a-f]+"/, "")],
    ["blocks that overlap", change("> 3-11 <", "> 3-21 <")],
    ["blocks in another order", change("> 0 <", "> 30 <")],
    ["blocks that end before they start", change("> 3-11 <", "> 11-3 <")],
    ["blocks that are not numbers", change("> 3-11 <", "> 3-1e1 <")],
    ["a negative block", change("> 0 <", "> -1 <")],
    ["a huge block", change("> 20-40 <", "> 20-99999999999999999999 <")],
    ["no block size", change(/ *<BlockSize>.*\n/, "")],
    ["a block size of zero", change("> 4096 <", "> 0 <")],
    [
      "two image sizes",
      change("<BlockSize>", "<ImageSize> 1 </ImageSize><BlockSize>"),
    ],
    ["an unknown version", change('"2.0"', '"3.0"')],
    ["no version", change(' version="2.0"', "")],
    ["an unknown checksum", change("> sha256 <", "> crc32 <")],
    [
      "a checksum of blocks that is none",
      change(/chksum="[0-9a-f]+"/, 'chksum="no"'),
    ],
    [
      "a document type",
      good.replace("<bmap", '<!DOCTYPE a [<!ENTITY b "c">]><bmap'),
    ],
    ["an entity", change("> 3-11 <", "> &#51;-11 <")],
    ["an element that is not closed", good.replace("</bmap>", "")],
    [
      "elements that cross",
      good.replace("</BlockMap>\n</bmap>", "</bmap></BlockMap>"),
    ],
    ["text behind it", `${good}more`],
    ["a second root", `${good}<bmap/>`],
    ["nothing in it", ""],
    ["a wrong own checksum", good.replace(/(BmapFileChecksum> )./, "$1g")],
    ["elements without end", "<a>".repeat(100_000)],
  ])("is refused: %s", (_, text) => {
    expect(
      codeOf(() => {
        check(text, IMAGE);
      }),
    ).toBe("BMAP_WRONG 4");
  });

  test("is refused or right, whatever is changed in it", () => {
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.integer({ min: 32, max: 126 }),
        (at, code) => {
          const text =
            good.slice(0, at) + String.fromCharCode(code) + good.slice(at + 1);
          const outcome = codeOf(() => {
            check(text, IMAGE);
          });
          expect(outcome).toBe(text === good ? "accepted" : "BMAP_WRONG 4");
        },
      ),
      { numRuns: 500 },
    );
  });

  test("has no checksums before version 1.3, and is taken by its sizes", () => {
    const old = good
      .replace("2.0", "1.2")
      .replace(/ *<ChecksumType>.*\n/, "")
      .replace(/ *<BmapFileChecksum>.*\n/, "")
      .replaceAll(/ chksum="[0-9a-f]+"/g, "");
    expect(
      codeOf(() => {
        check(old, IMAGE);
      }),
    ).toBe("accepted");
    expect(
      codeOf(() => {
        check(old, IMAGE.subarray(1));
      }),
    ).toBe("BMAP_WRONG 4");
  });

  test("is refused when the image ends before it", () => {
    const checker = bmapCheck(readBmap(Buffer.from(good)), IMAGE.length);
    checker.add(0, IMAGE.subarray(0, 30 * 4096));
    expect(codeOf(checker.finish)).toBe("BMAP_WRONG 4");
  });
});
