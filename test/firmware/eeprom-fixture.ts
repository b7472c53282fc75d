// Boot loader images with the layout of the published ones, assembled from their parts.

const BOOT = 0x55aaf00f;
const FILE = 0x55aaf11f;
const PART = 0x55aaf44f;
const PAD = 0x55aafeef;

const section = (magic: number, body: Buffer): Buffer => {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(magic, 0);
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
};

const file = (name: string, data: Buffer): Buffer =>
  section(
    FILE,
    Buffer.concat([
      Buffer.from(name.padEnd(12, "\0"), "latin1"),
      Buffer.alloc(4),
      data,
    ]),
  );

export type Layout = {
  readonly chip: 2711 | 2712;
  readonly files: Readonly<Record<string, Buffer>>;
  /** In the boot loader's own text. */
  readonly timestamp?: number;
};

const SIZE = { 2711: 512 * 1024, 2712: 2 * 1024 * 1024 };

/** Every modifiable file has a block of 4 KiB. The last block of a small image is free; a large one ends its partition. */
export const makeImage = ({
  chip,
  files,
  timestamp = 1_739_232_000,
}: Layout): Buffer => {
  const image = Buffer.alloc(SIZE[chip], 0xff);
  const put = (offset: number, bytes: Buffer, end: number): void => {
    bytes.copy(image, offset);
    const rest = Math.ceil((offset + bytes.length) / 8) * 8;
    if (end - rest >= 8) {
      section(PAD, Buffer.alloc(end - rest - 8, 0xff)).copy(image, rest);
    }
  };
  const text = Buffer.from(`\0BUILD_TIMESTAMP=${timestamp}\0`, "latin1");
  put(0, section(BOOT, Buffer.concat([Buffer.alloc(5000, 7), text])), 65536);
  // The read-only part of a large image has files of its own.
  if (chip === 2712) {
    put(40960, file("updatetime", Buffer.alloc(8, 1)), 65536);
    image.writeUInt32BE(PAD, 5040);
    image.writeUInt32BE(40960 - 5040 - 8, 5044);
  }
  put(65536, section(PART, Buffer.alloc(3000, 9)), 131072);
  const names = Object.keys(files);
  const partitionEnd = 65536 + 988 * 1024;
  const start =
    (chip === 2711 ? SIZE[chip] - 4096 : partitionEnd) - names.length * 4096;
  image.writeUInt32BE(PAD, 65536 + 3008);
  image.writeUInt32BE(start - 65536 - 3008 - 8, 65536 + 3012);
  for (const [index, name] of names.entries()) {
    const at = start + index * 4096;
    const bytes = file(name, files[name] ?? Buffer.alloc(0));
    const last = index === names.length - 1 && chip === 2711;
    if (last) {
      bytes.copy(image, at);
    } else {
      put(at, bytes, at + 4096);
    }
  }
  if (chip === 2712) {
    // The empty partition for the next boot loader, and the journals.
    section(PAD, Buffer.alloc(SIZE[chip] - partitionEnd - 8, 0xff)).copy(
      image,
      partitionEnd,
    );
  }
  return image;
};
