// Gives a GPT the identity of one disk: both of its headers name the disk, each under a checksum of its own.
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { GPT_HEADER } from "./gpt.ts";
import type { Patch, PatchPart } from "../patch.ts";
import type { Source } from "../source.ts";
import type { DiskTable } from "./table.ts";

/** The headers of both copies of a base's GPT, with their places; none for an MBR. */
export const readGptHeaders = async (
  source: Source,
  { gpt }: DiskTable,
): Promise<Patch> => {
  const headers: PatchPart[] = [];
  for (const copy of [gpt?.primary, gpt?.backup]) {
    if (copy !== undefined) {
      const data = await source.read(copy.headerOffset, copy.headerSize);
      headers.push({ offset: copy.headerOffset, data });
    }
  }
  return headers;
};

/**
 * The GUID of the disk with this id: always the same for the same base and id. Version 8, whose bits are ours to choose
 * (https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8); as the 16 bytes that a GPT stores.
 */
const diskGuidOf = (baseGuid: Uint8Array, diskId: number): Buffer => {
  const digest = createHash("sha256")
    .update("disk GUID of ")
    .update(baseGuid)
    .update(` ${diskId}`)
    .digest();
  const guid = Buffer.from(digest.subarray(0, 16));
  // The first three groups are little-endian, so that the version is in byte 7.
  guid.writeUInt8((guid.readUInt8(7) & 0x0f) | 0x80, 7);
  guid.writeUInt8((guid.readUInt8(8) & 0x3f) | 0x80, 8);
  return guid;
};

/**
 * The same headers with a GUID for the disk with this id. The partitions keep theirs: the base's fstab, which no patch
 * reaches, may name them, and the PARTUUIDs of a GPT do not depend on the disk's identity.
 */
export const renameGpt = (headers: Patch, diskId: number): Patch =>
  headers.map(({ offset, data }) => {
    const header = Buffer.from(data);
    const at = GPT_HEADER.diskGuid;
    diskGuidOf(header.subarray(at, at + 16), diskId).copy(header, at);
    header.writeUInt32LE(0, GPT_HEADER.crc);
    header.writeUInt32LE(crc32(header), GPT_HEADER.crc);
    return { offset, data: header };
  });
