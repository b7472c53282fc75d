import { describe, expect, it } from "vitest";
import { fc } from "../support/seeded.ts";
import { mergeFragments } from "../../src/seed/library/merge-fragments.ts";
import {
  type MapTree,
  toValue,
  type Value,
} from "../../src/seed/library/tree.ts";
import { collector, mapOf, parsed, summary } from "./trees.ts";

const merge = (...trees: MapTree[]) => {
  const { problems, report } = collector();
  const tree = mergeFragments(trees, report);
  return {
    tree,
    value: tree === undefined ? undefined : toValue(tree),
    problems,
  };
};

const isMap = (value: unknown): value is Record<string, Value> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Every scalar with its path; those of a list share the list's path, in order. */
const leaves = (value: Value, path = ""): string[] => {
  if (Array.isArray(value)) {
    return value.map((item: Value) => `${path}[] ${JSON.stringify(item)}`);
  }
  return isMap(value)
    ? Object.entries(value).flatMap(([key, item]) =>
        leaves(item, `${path}/${key}`),
      )
    : [`${path} ${JSON.stringify(value)}`];
};

/** Documents of one shape, so that none of them conflict but in scalars. */
const documents = fc.record(
  {
    name: fc.constantFrom("a", "b", "c"),
    list: fc.array(fc.string(), { maxLength: 4 }),
    map: fc.dictionary(
      fc.constantFrom("x", "y", "z"),
      fc.array(fc.nat(9), { maxLength: 3 }),
      { maxKeys: 3 },
    ),
    other: fc.record({ deep: fc.boolean() }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
const agreeing = documents.map(
  ({ name: _name, other: _other, ...rest }) => rest,
);

describe("mergeFragments", () => {
  it("merges maps, appends lists in order and keeps equal scalars", () => {
    expect(
      merge(
        parsed("a: 1\nlist: [x]\nmap: {one: 1, both: [1]}\n"),
        parsed("list: [y, x]\nmap: {two: 2, both: [2]}\na: 1\n"),
        parsed("b: {}\n"),
      ),
    ).toMatchObject({
      value: {
        a: 1,
        list: ["x", "y", "x"],
        map: { one: 1, both: [1, 2], two: 2 },
        b: {},
      },
      problems: [],
    });
  });

  it("has nothing to give for no fragments", () => {
    expect(merge().value).toBeUndefined();
  });

  it("names both places of a conflict, and neither value", () => {
    const { problems, value } = merge(
      parsed("timezone: secret-one\nssh: {keys: [1]}\n", "first.yaml"),
      parsed("ssh:\n  keys: {a: 1}\ntimezone: secret-two\n", "second.yaml"),
    );
    expect(problems.map(summary)).toEqual([
      "second.yaml:2:9 FRAGMENT_CONFLICT ssh.keys is a map here and a list in another fragment",
      "second.yaml:3:11 FRAGMENT_CONFLICT timezone is set to two different values",
    ]);
    expect(problems.map(({ label }) => label)).toEqual([
      "also set in first.yaml, line 2",
      "also set in first.yaml, line 1",
    ]);
    expect(JSON.stringify(problems)).not.toContain("secret-");
    expect(value).toMatchObject({ timezone: "secret-one" });
  });

  it("tells 1 from '1', and null from nothing", () => {
    expect(merge(mapOf({ a: 1 }), mapOf({ a: "1" })).problems).toHaveLength(1);
    expect(merge(mapOf({ a: null }), mapOf({ a: [] })).problems).toHaveLength(
      1,
    );
    expect(merge(mapOf({ a: null }), mapOf({ a: null })).problems).toEqual([]);
  });

  it("is associative", () => {
    fc.assert(
      fc.property(documents, documents, documents, (a, b, c) => {
        const left = merge(mapOf(a), mapOf(b)).tree;
        const right = merge(mapOf(b), mapOf(c)).tree;
        if (left === undefined || right === undefined) {
          throw new Error("two documents give one");
        }
        expect(merge(left, mapOf(c)).value).toEqual(
          merge(mapOf(a), right).value,
        );
      }),
    );
  });

  it("loses nothing and keeps the order of lists", () => {
    fc.assert(
      fc.property(fc.array(agreeing, { minLength: 1, maxLength: 5 }), (all) => {
        const { value = null, problems } = merge(...all.map(mapOf));
        expect(problems).toEqual([]);
        const lines = leaves(value);
        const expected = all.flatMap((document) => leaves(document));
        for (const path of new Set(
          expected.map((line) => line.split(" ")[0]),
        )) {
          const below = (line: string) => line.startsWith(`${path} `);
          expect(lines.filter(below)).toEqual(expected.filter(below));
        }
        expect(lines).toHaveLength(expected.length);
      }),
    );
  });

  it("reports a conflict for every scalar that differs", () => {
    fc.assert(
      fc.property(documents, documents, (a, b) => {
        const differs = [
          a.name !== undefined && b.name !== undefined && a.name !== b.name,
          a.other?.deep !== undefined &&
            b.other?.deep !== undefined &&
            a.other.deep !== b.other.deep,
        ].filter(Boolean).length;
        expect(merge(mapOf(a), mapOf(b)).problems).toHaveLength(differs);
      }),
    );
  });
});
