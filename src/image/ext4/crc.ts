// The two checksums that ext4 keeps of its metadata: CRC-32C, and CRC-16 on older file systems.
// https://www.kernel.org/doc/html/latest/filesystems/ext4/overview.html#checksums

/** Reflected table for a reflected polynomial. */
const makeTable = (polynomial: number): Uint32Array =>
  Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit += 1) {
      value = (value & 1) === 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    }
    return value;
  });

const CASTAGNOLI = makeTable(0x82f63b78);
const CRC16 = makeTable(0xa001);

const update = (
  table: Uint32Array,
  value: number,
  bytes: Uint8Array,
): number => {
  let crc = value;
  for (const byte of bytes) {
    crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return crc >>> 0;
};

/** Without the final inversion, as ext4 uses it; `value` is 0xffffffff or the result so far. */
export const crc32c = (value: number, bytes: Uint8Array): number =>
  update(CASTAGNOLI, value, bytes);

/** `value` is 0xffff or the result so far. */
export const crc16 = (value: number, bytes: Uint8Array): number =>
  update(CRC16, value, bytes);
