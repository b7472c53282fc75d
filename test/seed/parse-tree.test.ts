import { describe, expect, it } from "vitest";
import {
  parseFragment,
  parseNetwork,
} from "../../src/seed/library/parse-fragment.ts";
import { parseTree } from "../../src/seed/library/parse-tree.ts";
import { childOf, toValue } from "../../src/seed/library/tree.ts";
import { summary } from "./trees.ts";

const read = (text: string) => {
  const { tree, problems } = parseTree(text, "f.yaml");
  return {
    value: tree === undefined ? undefined : toValue(tree),
    problems: problems.map(summary),
  };
};

describe("parseTree", () => {
  it("reads YAML 1.1, as cloud-init does", () => {
    expect(
      read(
        "a: yes\nb: 0644\nc: '0644'\nd: 1_000\ne: 2026-11-20\nno: x\n1: y\n",
      ),
    ).toEqual({
      value: {
        a: true,
        b: 0o644,
        c: "0644",
        d: 1000,
        e: "2026-11-20",
        no: "x",
        1: "y",
      },
      problems: [],
    });
  });

  it("knows where values and keys stand", () => {
    const { tree } = parseTree("a:\n  - b: text here\n", "f.yaml");
    const list = childOf(tree, "a");
    const item = list?.kind === "list" ? list.items[0] : undefined;
    expect(childOf(item, "b")?.at).toEqual({
      file: "f.yaml",
      line: 2,
      column: 8,
      length: 9,
    });
  });

  it("keeps a key named __proto__", () => {
    expect(Object.keys(read("__proto__: {a: 1}\n").value ?? {})).toEqual([
      "__proto__",
    ]);
  });

  it("gives nothing for an empty text", () => {
    expect(read("# only a comment\n")).toEqual({
      value: undefined,
      problems: [],
    });
  });

  it("reports what a document cannot hold", () => {
    expect(read("a: &x {b: 1}\nc: *x\nd:\n  <<: {e: 1}\n").problems).toEqual([
      "f.yaml:2:4 FRAGMENT_SHAPE anchors and aliases are not supported here",
      "f.yaml:4:3 FRAGMENT_SHAPE the merge key `<<` is not supported here",
    ]);
    expect(read("a: !!binary aGVsbG8=\n").problems).toEqual([
      "f.yaml:1:13 FRAGMENT_SHAPE a value must be a text, a number, true, false or null",
    ]);
  });

  it("reports all broken syntax and keys written twice", () => {
    expect(read("a: 'x\n").problems).toEqual([
      "f.yaml:2:1 YAML_SYNTAX this is not valid YAML: Missing closing 'quote",
    ]);
    expect(read("a: 1\nb: 2\na: 3\n").problems).toEqual([
      'f.yaml:3:1 DUPLICATE_KEY the key "a" is written twice',
    ]);
  });
});

describe("parseFragment", () => {
  it.each([
    "",
    "cloud-config\na: 1\n",
    "# cloud-config\na: 1\n",
    " #cloud-config\na: 1\n",
  ])("refuses a first line that cloud-init would not know: %j", (text) => {
    const { value, problems } = parseFragment(text, "f.yaml");
    expect(value).toBeUndefined();
    expect(problems.map(summary)).toEqual([
      "f.yaml:1:1 FRAGMENT_HEADER the first line is not #cloud-config",
    ]);
  });

  it.each(["#cloud-config", "#cloud-config\n- a\n", "#cloud-config\ntext\n"])(
    "refuses a document without keys: %j",
    (text) => {
      const { value, problems } = parseFragment(text, "f.yaml");
      expect(value).toBeUndefined();
      expect(problems.map(({ code }) => code)).toEqual(["FRAGMENT_SHAPE"]);
    },
  );

  it("takes Windows line ends", () => {
    expect(
      parseFragment("#cloud-config\r\na: 1\r\n", "f.yaml").problems,
    ).toEqual([]);
  });

  it("asks no header of a network document", () => {
    expect(parseNetwork("network: {version: 2}\n", "n.yaml").problems).toEqual(
      [],
    );
  });
});
