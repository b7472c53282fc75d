// Images of the boot loader in the board's own memory, as Raspberry Pi publishes them: read and replace the files in them.
// https://github.com/raspberrypi/rpi-eeprom/blob/master/rpi-eeprom-config

/** The chip that the boot loader is for, which the image's size tells: Pi 4 family, Pi 5 family. */
export type Chip = 2711 | 2712;

const CHIP_BY_SIZE: ReadonlyMap<number, Chip> = new Map([
  [512 * 1024, 2711],
  [2 * 1024 * 1024, 2712],
]);

/** A section begins with a magic number and its length, both big-endian; the mask leaves what all magic numbers share. */
const MAGIC = 0x55aaf00f;
const MAGIC_MASK = 0xfffff00f;
const FILE_MAGIC = 0x55aaf11f;
const PAD_MAGIC = 0x55aafeef;
const HEADER = 8;
const NAME = 12;
/** Between the name and the data of a file. */
const GAP = 4;
const FILE_DATA = HEADER + NAME + GAP;

/** The unit of erasing. A file has one such block; the last block of the image is the boot loader's own scratch space. */
const BLOCK = 4096;
const LONGEST_FILE = BLOCK - HEADER - NAME;

/** An image of 2 MiB holds a read-only part, a partition with the boot loader, and an empty one for the next. */
const READ_ONLY = 64 * 1024;
const PARTITION_END = READ_ONLY + 988 * 1024;

type Section = {
  readonly magic: number;
  readonly offset: number;
  /** Without the header. */
  readonly length: number;
  /** "" where it is not a file. */
  readonly name: string;
};

export type EepromImage = {
  readonly chip: Chip;
  readonly bytes: Buffer;
  readonly sections: readonly Section[];
};

type Parsed =
  | { readonly image: EepromImage }
  /** Half a sentence. */
  | { readonly mistake: string };

const align = (offset: number): number => Math.ceil(offset / 8) * 8;

/** `>>> 0` because bitwise operators of JavaScript give signed numbers. */
const isMagic = (magic: number): boolean =>
  (magic & MAGIC_MASK) >>> 0 === (MAGIC & MAGIC_MASK) >>> 0;

const readSections = (bytes: Buffer): readonly Section[] | string => {
  const sections: Section[] = [];
  for (let offset = 0; offset + HEADER <= bytes.length;) {
    const magic = bytes.readUInt32BE(offset);
    if (magic === 0 || magic === 0xffffffff) {
      break;
    }
    const length = bytes.readUInt32BE(offset + 4);
    if (!isMagic(magic) || offset + HEADER + length > bytes.length) {
      return `is damaged at byte ${offset}`;
    }
    const name =
      magic === FILE_MAGIC
        ? bytes
            .toString("latin1", offset + HEADER, offset + HEADER + NAME)
            .replaceAll("\0", "")
        : "";
    sections.push({ magic, offset, length, name });
    offset = align(offset + HEADER + length);
  }
  return sections.length === 0 ? "holds no boot loader" : sections;
};

/** The image, or why these bytes are none. */
export const parseEepromImage = (bytes: Buffer): Parsed => {
  const chip = CHIP_BY_SIZE.get(bytes.length);
  if (chip === undefined) {
    return {
      mistake: `has ${bytes.length} bytes, and a boot loader image has 512 KiB or 2 MiB`,
    };
  }
  const sections = readSections(bytes);
  return typeof sections === "string"
    ? { mistake: sections }
    : { image: { chip, bytes, sections } };
};

const findFile = (
  { sections }: EepromImage,
  name: string,
  from: number,
): number =>
  sections.findIndex(
    (section) => section.name === name && section.offset >= from,
  );

/** A file's bytes; undefined when the image has none of this name. */
export const readEepromFile = (
  image: EepromImage,
  name: string,
): Buffer | undefined => {
  const section = image.sections[findFile(image, name, 0)];
  return section === undefined
    ? undefined
    : image.bytes.subarray(
        section.offset + FILE_DATA,
        section.offset + HEADER + section.length,
      );
};

/**
 * The image with other bytes in one of its files, such as bootconf.txt, byte for byte as the vendor's rpi-eeprom-config
 * makes it; the given image stays as it is. The half sentence says why it cannot be done; one reason is a file that ends in
 * the four bytes before the next section, which that tool would let run into the section.
 */
export const replaceEepromFile = (
  image: EepromImage,
  name: string,
  data: Buffer,
): Parsed => {
  if (data.length > LONGEST_FILE) {
    return {
      mistake: `takes files of ${LONGEST_FILE} bytes at most, and ${name} has ${data.length}`,
    };
  }
  const { sections } = image;
  // The read-only part may have a file of the same name, which stays.
  const index = findFile(image, name, READ_ONLY);
  const section = sections[index];
  if (section === undefined || section.offset >= PARTITION_END) {
    return { mistake: `has no file ${name}` };
  }
  const last = index === sections.length - 1;
  const next = sections
    .slice(index + 1)
    .find(({ magic }) => magic !== PAD_MAGIC);
  const end =
    next?.offset ?? Math.min(image.bytes.length - BLOCK, PARTITION_END);
  const start = section.offset + FILE_DATA;
  if (start + data.length > end) {
    return {
      mistake: `has ${end - start} bytes for ${name}, which has ${data.length}`,
    };
  }
  const bytes = Buffer.from(image.bytes);
  bytes.writeUInt32BE(NAME + GAP + data.length, section.offset + 4);
  data.copy(bytes, start);
  const pad = align(start + data.length);
  bytes.fill(0xff, start + data.length, Math.max(pad, end));
  // The space after the last file needs no section of its own; elsewhere a padding section goes where its header fits.
  if (!last && end - pad >= HEADER) {
    bytes.writeUInt32BE(PAD_MAGIC, pad);
    bytes.writeUInt32BE(end - pad - HEADER, pad + 4);
  }
  return parseEepromImage(bytes);
};

/** When the boot loader was built, in seconds since 1970: its version for comparisons; undefined where it does not say. */
export const buildTimestamp = ({ bytes }: EepromImage): number | undefined => {
  const [, digits] =
    /BUILD_TIMESTAMP=(\d{1,12})/.exec(bytes.toString("latin1")) ?? [];
  return digits === undefined ? undefined : Number(digits);
};
