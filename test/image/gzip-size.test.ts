// Whether the size of an image in a .gz file is known before it is decoded, and is checked when it is.
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { gzipSize } from "../../src/image/archive/gzip-size.ts";
import { openImage } from "../../src/image/archive/open-image.ts";
import { UserError } from "../../src/report/user-error.ts";
import { makeMbr, temporaryFolder } from "./make-image.ts";

const MIB = 1024 ** 2;

/** A file with this trailer: a checksum, and the size. */
const withTrailer = (size: number): string => {
  const path = join(temporaryFolder(), "a.img.gz");
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32LE(0x1234abcd, 56);
  bytes.writeUInt32LE(size % 2 ** 32, 60);
  writeFileSync(path, bytes);
  return path;
};

/** The first sectors of an image whose only partition ends here. */
const startOf = (end: number): Buffer =>
  Buffer.concat([
    makeMbr([{ type: 0x83, offset: MIB, length: end - MIB }]),
    Buffer.alloc(4096),
  ]);

describe("gzipSize", () => {
  it.each([64 * MIB, 4096 * MIB - 512, 4096 * MIB, 9000 * MIB])(
    "finds %d bytes, whatever the 32 bits of the trailer lose",
    async (size) => {
      expect(await gzipSize(withTrailer(size), startOf(size))).toBe(size);
      const earlier = startOf(size - 33 * 512);
      expect(await gzipSize(withTrailer(size), earlier)).toBe(size);
    },
  );

  it.each([
    ["of a last member that is smaller", 12 * MIB],
    ["of data far behind the partitions", 80 * MIB],
    ["that is not a whole number of sectors", 64 * MIB + 1],
  ])("knows nothing from a trailer %s", async (_, size) => {
    const end = startOf(64 * MIB);
    expect(await gzipSize(withTrailer(size), end)).toBeUndefined();
  });

  it("knows nothing from zeros behind the last member", async () => {
    const path = join(temporaryFolder(), "a.img.gz");
    writeFileSync(path, Buffer.alloc(64));
    expect(await gzipSize(path, startOf(4096 * MIB))).toBeUndefined();
  });

  it("knows nothing without a partition table", async () => {
    const path = withTrailer(64 * MIB);
    expect(await gzipSize(path, Buffer.alloc(512))).toBeUndefined();
    expect(await gzipSize(path, Buffer.alloc(0))).toBeUndefined();
  });
});

describe("a .gz image of known size", () => {
  const raw = Buffer.alloc(3 * MIB, 7);
  startOf(raw.length).copy(raw);
  const read = async (bytes: Uint8Array) => {
    const path = join(temporaryFolder(), "a.img.gz");
    writeFileSync(path, bytes);
    const reader = await openImage(path);
    const parts: Buffer[] = [];
    for await (const { data } of reader.chunks()) {
      parts.push(Buffer.from(data));
    }
    return { size: reader.size, bytes: Buffer.concat(parts) };
  };

  it("has it from the start, and gives the same bytes", async () => {
    const { size, bytes } = await read(gzipSync(raw));
    expect(size).toBe(raw.length);
    expect(bytes.equals(raw)).toBe(true);
  });

  it("is refused when more members follow than the last one tells", async () => {
    const two = Buffer.concat([gzipSync(raw.subarray(0, 512)), gzipSync(raw)]);
    const error = await read(two).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ code: "IMAGE_DAMAGED" });
  });
});
