// Boot loader images: reading and replacing files, and what must be refused.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  buildTimestamp,
  type EepromImage,
  parseEepromImage,
  readEepromFile,
  replaceEepromFile,
} from "../../src/firmware/eeprom-image.ts";
import {
  renderSignature,
  signatureMistake,
} from "../../src/firmware/eeprom-signature.ts";
import { makeImage } from "./eeprom-fixture.ts";

const parse = (bytes: Buffer): EepromImage => {
  const parsed = parseEepromImage(bytes);
  if ("mistake" in parsed) {
    throw new Error(parsed.mistake);
  }
  return parsed.image;
};

const filesWith = (settings: Buffer) => ({
  "pubkey.bin": Buffer.alloc(264, 3),
  "bootconf.sig": Buffer.from("0".repeat(64)),
  "bootconf.txt": settings,
});

const OLD = Buffer.from("[all]\nBOOT_UART=1\nBOOT_ORDER=0xf461\n");

describe.each([2711, 2712] as const)("an image for the BCM%i", (chip) => {
  const bytes = makeImage({ chip, files: filesWith(OLD) });

  it("is known by its size, and its files can be read", () => {
    const image = parse(bytes);
    expect(image.chip).toBe(chip);
    expect(readEepromFile(image, "bootconf.txt")).toEqual(OLD);
    expect(readEepromFile(image, "pubkey.bin")).toEqual(Buffer.alloc(264, 3));
    expect(readEepromFile(image, "nothing.txt")).toBeUndefined();
    expect(buildTimestamp(image)).toBe(1_739_232_000);
  });

  it.each([0, 1, 7, 8, 30, 36, 37, 500, 4071, 4072])(
    "with a file of %i bytes in place of another is the image that would be made with it",
    (size) => {
      const settings = Buffer.alloc(size, "x");
      const replaced = replaceEepromFile(
        parse(bytes),
        "bootconf.txt",
        settings,
      );
      if ("mistake" in replaced) {
        throw new Error(replaced.mistake);
      }
      const made = makeImage({ chip, files: filesWith(settings) });
      expect(replaced.image.bytes.equals(made)).toBe(true);
      expect(readEepromFile(replaced.image, "bootconf.txt")).toEqual(settings);
      // What was given stays as it was.
      expect(parse(bytes).bytes.equals(bytes)).toBe(true);
    },
  );

  it("takes no file that is missing in it, or too large", () => {
    const image = parse(bytes);
    expect(replaceEepromFile(image, "other.txt", OLD)).toEqual({
      mistake: "has no file other.txt",
    });
    expect(
      replaceEepromFile(image, "bootconf.txt", Buffer.alloc(4077)),
    ).toHaveProperty("mistake");
  });
});

describe("what is not an image", () => {
  const bytes = makeImage({ chip: 2711, files: filesWith(OLD) });
  const damaged = Buffer.from(bytes);
  damaged.writeUInt32BE(0x12345678, 65536);
  const endless = Buffer.from(bytes);
  endless.writeUInt32BE(0x7fffffff, 65540);
  it.each([
    ["of another size", bytes.subarray(1), /has 524287 bytes/],
    ["empty", Buffer.alloc(512 * 1024, 0xff), /holds no boot loader/],
    ["damaged", damaged, /damaged at byte 65536/],
    ["with a section that goes on behind it", endless, /damaged at byte 65536/],
    ["of a card", Buffer.alloc(2 * 1024 * 1024, 0x41), /damaged at byte 0/],
  ])("is refused: %s", (_, given, why) => {
    const parsed = parseEepromImage(given);
    expect("mistake" in parsed ? parsed.mistake : "").toMatch(why);
  });
});

describe("a signature", () => {
  const bytes = makeImage({ chip: 2712, files: filesWith(OLD) });
  const digest = createHash("sha256").update(bytes).digest("hex");
  const good = renderSignature(bytes, 2712, new Date(1_790_000_000_000));

  it("has the checksum, the time and the chip", () => {
    expect(good).toBe(`${digest}\nts: 1790000000\ntarget-soc: 2712\n`);
    expect(signatureMistake(good, bytes, 2712)).toBeUndefined();
    expect(signatureMistake(`${digest}\n`, bytes, 2712)).toBeUndefined();
  });

  it.each([
    ["", 1, /64 hex digits/],
    [`${digest.slice(1)}\n`, 1, /64 hex digits/],
    [`${"0".repeat(64)}\n`, 1, /another image/],
    [`${digest}\nts: soon\n`, 2, /not a number/],
    [`${digest}\nts: 1\ntarget-soc: 2711\n`, 3, /BCM2711/],
  ])("is refused: %j", (text, line, why) => {
    const found = signatureMistake(text, bytes, 2712);
    expect(found?.line).toBe(line);
    expect(found?.mistake).toMatch(why);
  });
});
