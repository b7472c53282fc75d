// Whether a file system begins at a byte: the cheapest signs only, to tell one size of sectors from the other.
import type { ReadBytes } from "./gpt.ts";

const looksLikeFat = (start: Buffer): boolean =>
  [0xeb, 0xe9, 0xe8].includes(start.readUInt8(0)) &&
  start.readUInt16LE(510) === 0xaa55 &&
  [512, 1024, 2048, 4096].includes(start.readUInt16LE(11));

const SIGNS: readonly (readonly [number, string])[] = [
  [0, "XFSB"],
  [0, "hsqs"],
  [0, "LUKS"],
  [3, "EXFAT   "],
  [3, "NTFS    "],
  [1024, "\u0010\u0020\u00f5\u00f2"],
  [1080, "\u0053\u00ef"],
];

export const holdsFileSystemStart = async (
  read: ReadBytes,
  offset: number,
): Promise<boolean> => {
  const start = await read(offset, 2048);
  return (
    start !== undefined &&
    (looksLikeFat(start) ||
      SIGNS.some(
        ([at, sign]) => start.toString("latin1", at, at + sign.length) === sign,
      ))
  );
};
