// Structure-aware damage: valid files with bits flipped, fields at their extremes, parts cut, moved, repeated or replaced.
import { fc } from "../support/seeded.ts";

export type Sample = {
  readonly bytes: Buffer;
  /** Where numbers stand that decide about something; half of the damage goes there. */
  readonly fields?: readonly number[];
  /** Makes checksums right again, so that a reader looks at what lies behind them. */
  readonly repair?: (bytes: Buffer) => Buffer;
};

type Place = { readonly field: boolean; readonly at: number };

type Edit =
  | { readonly kind: "flip"; readonly place: Place; readonly bit: number }
  | {
      readonly kind: "number";
      readonly place: Place;
      readonly width: number;
      readonly value: bigint;
    }
  | { readonly kind: "cut"; readonly place: Place }
  | { readonly kind: "drop"; readonly place: Place; readonly length: number }
  | {
      readonly kind: "fill";
      readonly place: Place;
      readonly length: number;
      readonly value: number;
    }
  | {
      readonly kind: "splice";
      readonly place: Place;
      readonly from: Place;
      readonly length: number;
      readonly over: boolean;
    }
  | { readonly kind: "insert"; readonly place: Place; readonly token: string };

/** What is done to which sample; plain data, so that a failure can be read and repeated. */
export type Mutation = {
  readonly sample: number;
  readonly repaired: boolean;
  readonly edits: readonly Edit[];
  /** For choices that an input makes beside the damage. */
  readonly choice: number;
};

const EXTREMES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xfffffff6n,
  0xffffffffn,
  2n ** 40n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

const place: fc.Arbitrary<Place> = fc.record({
  field: fc.boolean(),
  at: fc.nat(0x7fffffff),
});

const length = fc.oneof(fc.nat(16), fc.nat(600), fc.nat(70_000));

const edit = (tokens: readonly string[]): fc.Arbitrary<Edit> =>
  fc.oneof(
    fc.record({ kind: fc.constant("flip" as const), place, bit: fc.nat(7) }),
    fc.record({
      kind: fc.constant("number" as const),
      place,
      width: fc.constantFrom(1, 2, 4, 8),
      value: fc.oneof(
        fc.constantFrom(...EXTREMES),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      ),
    }),
    fc.record({ kind: fc.constant("cut" as const), place }),
    fc.record({ kind: fc.constant("drop" as const), place, length }),
    fc.record({
      kind: fc.constant("fill" as const),
      place,
      length,
      value: fc.constantFrom(0, 0x20, 0x55, 0xff),
    }),
    fc.record({
      kind: fc.constant("splice" as const),
      place,
      from: place,
      length,
      over: fc.boolean(),
    }),
    ...(tokens.length === 0
      ? []
      : [
          {
            weight: 3,
            arbitrary: fc.record({
              kind: fc.constant("insert" as const),
              place,
              token: fc.constantFrom(...tokens),
            }),
          },
        ]),
  );

export const mutations = (
  samples: number,
  tokens: readonly string[],
): fc.Arbitrary<Mutation> =>
  fc.record({
    sample: fc.nat(samples - 1),
    repaired: fc.boolean(),
    edits: fc.array(edit(tokens), { maxLength: 5 }),
    choice: fc.nat(0xffff),
  });

const change = (
  bytes: Buffer,
  edited: Edit,
  at: (where: Place) => number,
): Buffer => {
  const from = at(edited.place);
  const replace = (removed: number, added: Uint8Array): Buffer =>
    Buffer.concat([
      bytes.subarray(0, from),
      added,
      bytes.subarray(from + removed),
    ]);
  switch (edited.kind) {
    case "flip":
      if (from < bytes.length) {
        bytes[from] = (bytes[from] ?? 0) ^ (1 << edited.bit);
      }
      return bytes;
    case "number": {
      const number = Buffer.alloc(8);
      number.writeBigUInt64LE(edited.value);
      number.copy(bytes.subarray(from), 0, 0, edited.width);
      return bytes;
    }
    case "cut":
      return bytes.subarray(0, from);
    case "drop":
      return replace(edited.length, Buffer.alloc(0));
    case "fill":
      bytes.subarray(from, from + edited.length).fill(edited.value);
      return bytes;
    case "splice": {
      const piece = Buffer.from(
        bytes.subarray(at(edited.from), at(edited.from) + edited.length),
      );
      return replace(edited.over ? piece.length : 0, piece);
    }
    case "insert":
      return replace(0, Buffer.from(edited.token));
  }
};

/** A damaged copy. */
export const mutate = (sample: Sample, mutation: Mutation): Buffer => {
  const { fields = [] } = sample;
  let bytes: Buffer = Buffer.from(sample.bytes);
  for (const edited of mutation.edits) {
    bytes = change(bytes, edited, ({ field, at }) =>
      field && fields.length > 0
        ? Math.min(fields[at % fields.length] ?? 0, bytes.length)
        : at % (bytes.length + 1),
    );
  }
  return mutation.repaired && sample.repair !== undefined
    ? sample.repair(bytes)
    : bytes;
};
