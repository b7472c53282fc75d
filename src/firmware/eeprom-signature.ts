// The .sig file beside a boot loader image: its checksum, which recovery.bin demands before it flashes.
// https://github.com/raspberrypi/rpi-eeprom/blob/master/rpi-eeprom-digest
import { createHash } from "node:crypto";
import type { Chip } from "./eeprom-image.ts";

const sha256 = (bytes: Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex");

/** The text for an image; `time` is when it was made, which keeps an older image from being flashed over a newer one. */
export const renderSignature = (
  bytes: Uint8Array,
  chip: Chip,
  time: Date,
): string =>
  `${sha256(bytes)}\nts: ${Math.floor(time.getTime() / 1000)}\ntarget-soc: ${chip}\n`;

/** The line of a .sig file that does not fit this image, with half a sentence that says why; undefined when all fit. */
export const signatureMistake = (
  text: string,
  bytes: Uint8Array,
  chip: Chip,
): { readonly line: number; readonly mistake: string } | undefined => {
  const lines = text.split(/\r?\n/);
  if (!/^[0-9a-f]{64}$/.test(lines[0] ?? "")) {
    return {
      line: 1,
      mistake:
        "does not begin with a line of 64 hex digits, the SHA-256 of the image",
    };
  }
  if (lines[0] !== sha256(bytes)) {
    return { line: 1, mistake: "has the SHA-256 of another image" };
  }
  for (const [index, line] of lines.entries()) {
    const target = /^target-soc: *(\S+)/.exec(line)?.[1];
    if (target !== undefined && target !== String(chip)) {
      return { line: index + 1, mistake: `is for the chip BCM${target}` };
    }
    if (line.startsWith("ts:") && !/^ts: \d{1,12}$/.test(line)) {
      return {
        line: index + 1,
        mistake: "has a time that is not a number of seconds",
      };
    }
  }
  return undefined;
};
