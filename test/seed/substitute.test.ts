import { describe, expect, it } from "vitest";
import { substitute } from "../../src/seed/library/substitute.ts";
import { toValue, type Value } from "../../src/seed/library/tree.ts";
import { anyText } from "./texts.ts";
import { collector, parsed, summary } from "./trees.ts";
import { fc } from "../support/seeded.ts";

const fill = (text: string, values: Readonly<Record<string, Value>>) => {
  const { problems, report } = collector();
  const tree = substitute(
    parsed(text),
    new Map(Object.entries(values)),
    report,
  );
  return { value: toValue(tree), problems: problems.map(summary), tree };
};

describe("substitute", () => {
  it("gives a place that stands alone the value with its type", () => {
    const values = {
      text: "007",
      number: 7,
      truth: true,
      nothing: null,
      list: ["a", 1],
      map: { b: { c: "d" } },
    };
    const text = Object.keys(values)
      .map((name) => `${name}: \${${name}}\n`)
      .join("");
    expect(fill(text, values).value).toEqual(values);
  });

  it("fills texts and keys, and leaves other scalars alone", () => {
    expect(
      fill("${a}-key: <${a}/${n}>\nlist: [1, 'x ${a}', false, null]\n", {
        a: "A",
        n: 2,
      }).value,
    ).toEqual({ "A-key": "<A/2>", list: [1, "x A", false, null] });
  });

  it("writes a literal place for a doubled dollar sign", () => {
    expect(fill("a: $${x} $$$${x} $x ${y}$${y}\n", { y: "Y" }).value).toEqual({
      a: "${x} $$${x} $x Y${y}",
    });
  });

  it("names an unknown value, the place it stands at, and the nearest known one", () => {
    const { problems } = fill(
      'a: b\nscript: |\n  echo one\n  echo ${nod.name} "${zzzzzzzz}"\n${cluster.nmae}: 1\n',
      { "node.name": "n", "cluster.name": "c" },
    );
    expect(problems).toEqual([
      "test.yaml:4:8 VALUE_UNKNOWN there is no value named ${nod.name} for this node",
      "test.yaml:4:21 VALUE_UNKNOWN there is no value named ${zzzzzzzz} for this node",
      "test.yaml:5:1 VALUE_UNKNOWN there is no value named ${cluster.nmae} for this node",
    ]);
  });

  it("says how to write a place literally when nothing is near", () => {
    const { problems, report } = collector();
    substitute(
      parsed("a: ${HOME}\nb: ${node.nam}\n"),
      new Map([["node.name", ""]]),
      report,
    );
    expect(problems.map(({ hint }) => hint)).toEqual([
      "to write it literally, double the dollar sign: $${",
      "did you mean ${node.name}?",
    ]);
  });

  it("refuses a list or a map inside a text", () => {
    expect(fill("a: x${l}\nb: ${m}y\n", { l: [], m: {} }).problems).toEqual([
      "test.yaml:1:5 VALUE_KIND ${l} is a list and cannot be used inside a text",
      "test.yaml:2:4 VALUE_KIND ${m} is a map and cannot be used inside a text",
    ]);
  });

  it("refuses keys that become the same", () => {
    expect(fill("x: 1\n${a}: 2\n", { a: "x" }).problems).toEqual([
      "test.yaml:2:1 FRAGMENT_CONFLICT two keys of this map become the same once filled in",
    ]);
  });

  it("never expands a value again, whatever it holds", () => {
    const tree = parsed("k: ${a}\n'<${a}>': 'x${a}y'\n");
    fc.assert(
      fc.property(anyText, (text) => {
        const hostile = `${text}\${a}$\${b}`;
        const { problems, report } = collector();
        const values = new Map([
          ["a", hostile],
          ["b", "wrong"],
        ]);
        expect(toValue(substitute(tree, values, report))).toEqual(
          Object.fromEntries([
            ["k", hostile],
            [`<${hostile}>`, `x${hostile}y`],
          ]),
        );
        expect(problems).toEqual([]);
      }),
    );
  });
});
