// Our editor of boot loader images against the vendor's rpi-eeprom-config, on the same images.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  parseEepromImage,
  replaceEepromFile,
} from "../../src/firmware/eeprom-image.ts";
import { temporaryFolder } from "../support/folder.ts";
import { hasTool } from "../support/tools.ts";
import { makeImage } from "./eeprom-fixture.ts";

/**
 * SHA-256 of what `rpi-eeprom-config --config boot.conf --out new.bin image.bin` of github.com/raspberrypi/rpi-eeprom
 * (86759b0, 2026-08-19) made of our test images, with a boot.conf of so many bytes "x". No package of Debian has it.
 */
const VENDORS = [
  [2711, 0, "7ac10c206abf4c2c681bd4e6e769659d0abf89bcb209d06888dd16818351507d"],
  [2711, 1, "4893112614707d7209395a3d770e2e5e2f95f032f51d35b22b65b8a8469f6612"],
  [2711, 8, "d040569280dd3f4bdb31e1b88d259ee64f1d675b169c3532fb2b892baa04b153"],
  [
    2711,
    37,
    "9aca06df036ba11534143170f9c48992d62e4338a16a38fa55c9de216f1aaa0c",
  ],
  [
    2711,
    500,
    "6876e9c65cbdacb2e0cd700958184c6d6a21cab62cf59dd3d492da4486a07b27",
  ],
  [
    2711,
    4072,
    "79ebe929bc896d027a72cd7e018d24b2009cc8c1484c8a78615cc7d3967755aa",
  ],
  [2712, 0, "18f1603770458fe47c6d7ededa84d9775f2f75b7b926a66a347f5f7ca6e81fad"],
  [2712, 1, "e7e8db0a2fa55c49e7732956043ac5148077e64141771ee523e97dceae910935"],
  [2712, 8, "ee6ed7e0f3f311b892043a6ea3044346cc518a7a75acb8acabf4c59143e677fa"],
  [
    2712,
    37,
    "5cfebf6f32da90c763966ce2377b05c87c1bfac7769f5111543743a8561dc1f4",
  ],
  [
    2712,
    500,
    "e52f0ae3d8350b3e91cefd79c01a2f2fea1d3c9916c98a4f5268a73d7074b473",
  ],
  [
    2712,
    4072,
    "f50b8c704dffe2d57979e0dc6615765bf6d9939d82e96f600a67c0d70c623ace",
  ],
] as const;

const sha256 = (bytes: Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex");

const imageOf = (chip: 2711 | 2712): Buffer =>
  makeImage({
    chip,
    files: {
      "pubkey.bin": Buffer.alloc(264, 3),
      "bootconf.sig": Buffer.from("0".repeat(64)),
      "bootconf.txt": Buffer.from("[all]\nBOOT_UART=1\nBOOT_ORDER=0xf461\n"),
    },
  });

const edited = (chip: 2711 | 2712, settings: Buffer): Buffer => {
  const parsed = parseEepromImage(imageOf(chip));
  const replaced =
    "mistake" in parsed
      ? parsed
      : replaceEepromFile(parsed.image, "bootconf.txt", settings);
  if ("mistake" in replaced) {
    throw new Error(replaced.mistake);
  }
  return replaced.image.bytes;
};

describe("other settings in a boot loader image", () => {
  it.each(VENDORS)(
    "of the BCM%i, %i bytes of them, give the image that the vendor's tool made",
    (chip, size, digest) => {
      expect(sha256(edited(chip, Buffer.alloc(size, "x")))).toBe(digest);
    },
  );

  it.runIf(hasTool("rpi-eeprom-config"))(
    "give the image that the vendor's tool on this machine makes",
    async () => {
      const folder = await temporaryFolder();
      const settings = Buffer.from("[all]\nBOOT_ORDER=0xf416\nPCIE_PROBE=1\n");
      for (const chip of [2711, 2712] as const) {
        const [image = "", conf = "", out = ""] = [
          "image.bin",
          "boot.conf",
          "out.bin",
        ].map((name) => join(folder, name));
        writeFileSync(image, imageOf(chip));
        writeFileSync(conf, settings);
        execFileSync(
          "rpi-eeprom-config",
          ["--config", conf, "--out", out, image],
          { stdio: "pipe" },
        );
        expect(readFileSync(out).equals(edited(chip, settings))).toBe(true);
      }
    },
  );
});
