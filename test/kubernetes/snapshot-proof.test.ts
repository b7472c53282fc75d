// What is taken for a whole snapshot of this cluster, however its bytes come.
import { expect, it } from "vitest";
import { snapshotProof } from "../../src/kubernetes/snapshot-proof.ts";
import { sampleSnapshot, withDigest } from "../cluster/sample-snapshot.ts";

const OURS = `-----BEGIN CERTIFICATE-----\n${"QUJD".repeat(16)}\n${"REVG".repeat(16)}\nR0hJ\n-----END CERTIFICATE-----\n`;
const THEIRS = OURS.replace("REVG", "UVdF");

const judge = (data: Buffer, piece = 65_536) => {
  const proof = snapshotProof(OURS);
  for (let at = 0; at < data.length; at += piece) {
    proof.add(data.subarray(at, at + piece));
  }
  const verdict = proof.verdict();
  return verdict.sound ? verdict.bytes : verdict.kind;
};

const whole = sampleSnapshot(OURS);

const changed = (offset: number): Buffer => {
  const copy = Buffer.from(whole);
  copy.writeUInt8(copy.readUInt8(offset) ^ 1, offset);
  return copy;
};

it.each([1, 31, 32, 33, 4096, 65_535, 65_536, 10_000_000])(
  "knows one in pieces of %i bytes",
  (piece) => {
    const data = piece === 1 ? sampleSnapshot(OURS, 2) : whole;
    expect(judge(data, piece)).toBe(data.length);
  },
);

it.each<[string, Buffer]>([
  ["nothing", Buffer.alloc(0)],
  ["a text", Buffer.from("no snapshot\n")],
  ["one without its end", whole.subarray(0, whole.length - 1)],
  ["one without its digest", whole.subarray(0, whole.length - 32)],
  ["half of one", whole.subarray(0, whole.length >> 1)],
  ["one with more behind it", Buffer.concat([whole, Buffer.alloc(512)])],
  ["one with another byte at its beginning", changed(17)],
  ["one with another byte in its middle", changed(99_999)],
  ["one with another digest", changed(whole.length - 1)],
  ["another file with a digest", withDigest(Buffer.alloc(8192, OURS))],
])("refuses %s", (_, data) => {
  expect(judge(data)).toBe("damaged");
});

it("tells one of another cluster from a damaged one", () => {
  expect(judge(sampleSnapshot(THEIRS))).toBe("foreign");
});
