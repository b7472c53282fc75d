// A file that has all that proves a snapshot of etcd, without an etcd: the first page's mark, a certificate, and the digest.
import { createHash } from "node:crypto";

export const withDigest = (data: Buffer): Buffer =>
  Buffer.concat([data, createHash("sha256").update(data).digest()]);

/**
 * @param certificate that its kube-root-ca.crt would have
 * @param pages of 4096 bytes
 */
export const sampleSnapshot = (certificate: string, pages = 40): Buffer => {
  const data = Buffer.alloc(pages * 4096);
  data.writeUInt32LE(0xed0cdaed, 16);
  // Across the end of a 64 KiB piece where there are so many.
  data.write(certificate, Math.min(65_536, data.length - 4096) - 100);
  return withDigest(data);
};
