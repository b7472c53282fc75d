// What proves, as its bytes go by, that a file is a whole snapshot of this cluster's etcd.
import { createHash } from "node:crypto";

/**
 * etcd puts the SHA-256 of all before it at the end of a snapshot, and checks it when it restores one.
 * https://github.com/etcd-io/etcd/blob/v3.6.0/etcdutl/snapshot/v3_snapshot.go
 */
const DIGEST_BYTES = 32;

/** Pages of a database are multiples of it. */
const BLOCK = 512;

/** Behind the header of the first page. https://github.com/etcd-io/bbolt/blob/v1.4.0/internal/common/meta.go */
const MAGIC = { offset: 16, value: 0xed0cdaed } as const;

export type SnapshotVerdict =
  | {
      readonly sound: true;
      readonly bytes: number;
      /** Its own, as hexadecimal digits. */
      readonly digest: string;
    }
  | {
      readonly sound: false;
      readonly kind: "damaged" | "foreign";
      /** What it is instead, as the end of a sentence. */
      readonly because: string;
    };

export type SnapshotProof = {
  readonly add: (chunk: Uint8Array) => void;
  readonly verdict: () => SnapshotVerdict;
};

/** As a ConfigMap of every namespace has it (kube-root-ca.crt), which etcd keeps in one piece and does not encrypt. */
const needleOf = (certificate: string): Buffer =>
  Buffer.from(
    certificate
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("-----"))
      .join("\n"),
  );

/** @param certificate of the cluster's authority, in PEM */
export const snapshotProof = (certificate: string): SnapshotProof => {
  const needle = needleOf(certificate);
  const hash = createHash("sha256");
  let last = Buffer.alloc(0);
  let overlap = Buffer.alloc(0);
  let head = Buffer.alloc(0);
  let bytes = 0;
  let ours = false;
  return {
    add: (chunk) => {
      bytes += chunk.length;
      if (head.length < MAGIC.offset + 4) {
        head = Buffer.concat([head, chunk.subarray(0, BLOCK)]);
      }
      const data = Buffer.concat([last, chunk]);
      const end = Math.max(0, data.length - DIGEST_BYTES);
      hash.update(data.subarray(0, end));
      last = data.subarray(end);
      if (!ours) {
        const searched = Buffer.concat([overlap, chunk]);
        ours = searched.includes(needle);
        overlap = searched.subarray(
          Math.max(0, searched.length - needle.length + 1),
        );
      }
    },
    verdict: () => {
      if (
        head.length < MAGIC.offset + 4 ||
        head.readUInt32LE(MAGIC.offset) !== MAGIC.value
      ) {
        return {
          sound: false,
          kind: "damaged",
          because: "is not a snapshot of etcd",
        };
      }
      const digest = hash.digest();
      if (bytes % BLOCK !== DIGEST_BYTES || !digest.equals(last)) {
        return {
          sound: false,
          kind: "damaged",
          because: "is damaged or not whole: its own SHA-256 does not match",
        };
      }
      return ours
        ? { sound: true, bytes, digest: digest.toString("hex") }
        : {
            sound: false,
            kind: "foreign",
            because:
              "is of another cluster, or older than the authority of this one: its state does not name that",
          };
    },
  };
};
