// Makes bytes of any kind a disk: an MBR with one Linux partition behind its first sector.

/** Writes the table into `bytes` itself; what it is made of must be larger than a sector. */
export const asDisk = (bytes: Buffer): Buffer => {
  bytes.fill(0, 446, 510);
  bytes.writeUInt8(0x83, 450);
  bytes.writeUInt32LE(1, 454);
  bytes.writeUInt32LE(Math.max(Math.floor(bytes.length / 512) - 1, 1), 458);
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
};
