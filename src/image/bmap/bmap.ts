// Writes a block map file (bmap 2.0), with which bmaptool and others copy only the blocks that hold data.
// https://github.com/yoctoproject/bmaptool
import { createHash } from "node:crypto";
import type { Range } from "../range.ts";
import { MAP_BLOCK } from "../used-map.ts";

type HashedRange = Range & {
  /** Of the range's bytes, in hex. */
  readonly sha256: string;
};

type MappedImage = {
  /** Bytes of the raw image. */
  readonly imageSize: number;
  /** Normalised, whole blocks of 4096 bytes; the last may end with the image. */
  readonly ranges: readonly HashedRange[];
};

const NO_CHECKSUM = "0".repeat(64);

const blockNumbers = (range: Range): string => {
  const first = range.offset / MAP_BLOCK;
  const last = first + Math.ceil(range.length / MAP_BLOCK) - 1;
  if (!Number.isInteger(first)) {
    throw new Error(`no whole block starts at byte ${range.offset}`);
  }
  return first === last ? `${first}` : `${first}-${last}`;
};

/** The text of an image's .bmap file. */
export const renderBmap = ({ imageSize, ranges }: MappedImage): string => {
  const blocks = ranges.reduce(
    (sum, range) => sum + Math.ceil(range.length / MAP_BLOCK),
    0,
  );
  const lines = ranges.map(
    (range) =>
      `        <Range chksum="${range.sha256}"> ${blockNumbers(range)} </Range>\n`,
  );
  const text = `<?xml version="1.0" ?>
<bmap version="2.0">
    <ImageSize> ${imageSize} </ImageSize>
    <BlockSize> ${MAP_BLOCK} </BlockSize>
    <BlocksCount> ${Math.ceil(imageSize / MAP_BLOCK)} </BlocksCount>
    <MappedBlocksCount> ${blocks} </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <!-- Of this file, with zeros in the checksum's place. -->
    <BmapFileChecksum> ${NO_CHECKSUM} </BmapFileChecksum>
    <BlockMap>
${lines.join("")}    </BlockMap>
</bmap>
`;
  const checksum = createHash("sha256").update(text).digest("hex");
  return text.replace(`> ${NO_CHECKSUM} <`, `> ${checksum} <`);
};
