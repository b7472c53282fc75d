// Recognises a GPT partition table, only to tell the user what the image is.
// UEFI Specification 2.10, section 5.3: https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html
import { formatBytes } from "../report/progress-line.ts";
import type { Source } from "./source.ts";

const SIGNATURE = "EFI PART";
/** LBA 1 on media with sectors of 512 and of 4096 bytes. */
const HEADER_PLACES = [512, 4096];
const NAMES_SHOWN = 8;

/** The byte at which a GPT header stands, if there is one. */
export const gptHeaderOffset = async (
  source: Source,
): Promise<number | undefined> => {
  for (const offset of HEADER_PLACES) {
    if (offset + 92 > source.size) {
      continue;
    }
    const header = await source.read(offset, SIGNATURE.length);
    if (header.toString("latin1") === SIGNATURE) {
      return offset;
    }
  }
  return undefined;
};

/** Lines that say what the GPT holds; `headerOffset` is undefined where only the protective MBR was found. */
export const describeGpt = async (
  source: Source,
  headerOffset: number | undefined,
): Promise<string[]> => {
  if (headerOffset === undefined) {
    return ["its MBR is the protective one of a GPT disk (type 0xee)"];
  }
  const facts = [`a GPT header stands at byte ${headerOffset}`];
  const header = await source.read(headerOffset, 92);
  const tableOffset = header.readUInt32LE(72) * headerOffset;
  const count = Math.min(header.readUInt32LE(80), 128);
  const entrySize = header.readUInt32LE(84);
  if (entrySize < 128 || entrySize > 4096) {
    return facts;
  }
  for (let index = 0; index < count; index += 1) {
    const at = tableOffset + index * entrySize;
    if (at + 128 > source.size || facts.length > NAMES_SHOWN) {
      break;
    }
    const entry = await source.read(at, 128);
    if (entry.subarray(0, 16).some((byte) => byte !== 0)) {
      const sectors = entry.readUInt32LE(40) - entry.readUInt32LE(32) + 1;
      const name = entry
        .toString("utf16le", 56, 128)
        .replace(/\0[^]*$/, "")
        .replaceAll(/[^\x20-\x7e]/g, "?");
      facts.push(
        `partition ${index + 1}: ${name === "" ? "without a name" : `"${name}"`}, ` +
          formatBytes(Math.max(0, sectors * headerOffset)),
      );
    }
  }
  return facts;
};
