// Reads a block map file (bmap 1.0 to 2.0) and verifies it by its own checksum.
// https://github.com/yoctoproject/bmaptool
import { createHash } from "node:crypto";
import { UserError } from "../../report/user-error.ts";
import { readXmlElements, type XmlElement } from "./bmap-xml.ts";
import { rangeEnd, type Range } from "../range.ts";

/** Bytes that the image's makers say hold data. */
export type BmapRange = Range & {
  /** In hex; undefined where the file has no checksums. */
  readonly digest: string | undefined;
};

export type Bmap = {
  readonly imageSize: number;
  /** Such as "sha256"; undefined where the file has no checksums. */
  readonly algorithm: string | undefined;
  /** Ascending, without overlap. */
  readonly ranges: readonly BmapRange[];
};

const ALGORITHMS = ["sha1", "sha224", "sha256", "sha384", "sha512"];

export const bmapWrong = (
  message: string,
  facts: readonly string[] = [],
): UserError =>
  new UserError("BMAP_WRONG", message, {
    facts,
    state: "nothing was written",
    hint: "download the image and its .bmap again, or remove the .bmap: pi-image finds the used blocks itself",
  });

const unreadable = (why: string): UserError =>
  bmapWrong(`the block map cannot be read: ${why}`);

const only = (elements: readonly XmlElement[], path: string): string => {
  const [first, second] = elements.filter((element) => element.path === path);
  if (first === undefined || second !== undefined) {
    throw unreadable(`it has ${first === undefined ? "no" : "two"} ${path}`);
  }
  return first.text.trim();
};

const wholeNumber = (text: string, what: string): number => {
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) {
    throw unreadable(
      `${what} is not a number: ${JSON.stringify(text.slice(0, 40))}`,
    );
  }
  return value;
};

/** Where this version keeps its checksums; undefined before 1.3. */
const checksumPlace = (
  elements: readonly XmlElement[],
): { file: string; attribute: string; algorithm: string } | undefined => {
  const version = elements[0]?.attributes.get("version") ?? "";
  const [, major, minor] = /^(\d{1,3})\.(\d{1,3})$/.exec(version) ?? [];
  if (elements[0]?.path !== "bmap" || major === undefined) {
    throw unreadable("it is not a <bmap> with a version");
  }
  if (Number(major) < 1 || Number(major) > 2) {
    throw unreadable(`its version is ${version}, and 1.0 to 2.0 are known`);
  }
  // 1.4 was published by mistake and is the same as 2.0; 1.3 knew SHA-1 only.
  if (major === "1" && Number(minor) < 3) {
    return undefined;
  }
  if (major === "1" && Number(minor) === 3) {
    return { file: "bmap/BmapFileSHA1", attribute: "sha1", algorithm: "sha1" };
  }
  const algorithm = only(elements, "bmap/ChecksumType").toLowerCase();
  if (!ALGORITHMS.includes(algorithm)) {
    throw unreadable(
      `its checksums are of an unknown type: ${JSON.stringify(algorithm.slice(0, 40))}`,
    );
  }
  return { file: "bmap/BmapFileChecksum", attribute: "chksum", algorithm };
};

const checkFile = (text: string, stored: string, algorithm: string): void => {
  const length = createHash(algorithm).digest("hex").length;
  if (!/^[0-9a-f]+$/.test(stored) || stored.length !== length) {
    throw unreadable("its own checksum is not one");
  }
  const zeroed = text.replace(stored, "0".repeat(length));
  if (createHash(algorithm).update(zeroed).digest("hex") !== stored) {
    throw bmapWrong("the block map does not match its own checksum");
  }
};

const readRange = (
  element: XmlElement,
  blockSize: number,
  imageSize: number,
  attribute: string | undefined,
): BmapRange => {
  const [first = "", last = first, ...more] = element.text.split("-");
  const from = wholeNumber(first.trim(), "a block");
  const to = wholeNumber(last.trim(), "a block");
  if (more.length > 0 || to < from || from * blockSize >= imageSize) {
    throw unreadable(
      `its blocks ${element.text.trim().slice(0, 40)} are not in the image`,
    );
  }
  const digest =
    attribute === undefined ? undefined : element.attributes.get(attribute);
  if (digest !== undefined && !/^[0-9a-f]{32,128}$/.test(digest)) {
    throw unreadable("a checksum of blocks is not one");
  }
  const offset = from * blockSize;
  return {
    offset,
    length: Math.min((to + 1) * blockSize, imageSize) - offset,
    digest,
  };
};

const demandAllRanges = (
  elements: readonly XmlElement[],
  ranges: readonly BmapRange[],
  blockSize: number,
): void => {
  // Old maps may lack the count; in maps with a checksum of their own it proves nothing more.
  if (elements.some(({ path }) => path === "bmap/MappedBlocksCount")) {
    const told = wholeNumber(
      only(elements, "bmap/MappedBlocksCount"),
      "its count of mapped blocks",
    );
    const listed = ranges.reduce(
      (sum, { length }) => sum + Math.ceil(length / blockSize),
      0,
    );
    if (told !== listed) {
      throw unreadable(
        `it lists ${listed} blocks and says that there are ${told}`,
      );
    }
  }
  const digests = ranges.filter(({ digest }) => digest !== undefined).length;
  // bmaptool gives every range a checksum, or none with --no-checksum; a single range without one would pass unchecked.
  if (digests !== 0 && digests !== ranges.length) {
    throw unreadable(
      `${ranges.length - digests} of its ${ranges.length} ranges have no checksum`,
    );
  }
};

/**
 * The map in the bytes of a .bmap file. Throws BMAP_WRONG when the file is not well-formed, contradicts itself,
 * or does not match its own checksum.
 */
export const readBmap = (bytes: Uint8Array): Bmap => {
  // Byte by byte: the file's checksum is over its bytes, and all that is read is ASCII.
  const text = Buffer.from(bytes).toString("latin1");
  const elements = readXmlElements(text);
  if (typeof elements === "string") {
    throw unreadable(elements);
  }
  const place = checksumPlace(elements);
  if (place !== undefined) {
    checkFile(text, only(elements, place.file), place.algorithm);
  }
  const imageSize = wholeNumber(
    only(elements, "bmap/ImageSize"),
    "its image size",
  );
  const blockSize = wholeNumber(
    only(elements, "bmap/BlockSize"),
    "its block size",
  );
  const blocks = wholeNumber(
    only(elements, "bmap/BlocksCount"),
    "its count of blocks",
  );
  if (blockSize === 0 || blocks !== Math.ceil(imageSize / blockSize)) {
    throw unreadable("its sizes contradict each other");
  }
  const ranges = elements
    .filter((element) => element.path === "bmap/BlockMap/Range")
    .map((element) =>
      readRange(element, blockSize, imageSize, place?.attribute),
    );
  for (const [index, range] of ranges.entries()) {
    const before = ranges[index - 1];
    if (before !== undefined && rangeEnd(before) > range.offset) {
      throw unreadable("its blocks overlap or are not in order");
    }
  }
  demandAllRanges(elements, ranges, blockSize);
  return { imageSize, algorithm: place?.algorithm, ranges };
};
