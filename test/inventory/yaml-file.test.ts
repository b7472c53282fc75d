import { describe, expect, it } from "vitest";
import {
  parseYamlFile,
  type Path,
} from "../../src/inventory/yaml/yaml-file.ts";

const TEXT = `a: 1
b:
  - {name: x, role: "y z"}
  - name: long
    "q r": [1,
      2]
c:
d: &d {e: 5}
f: *d
`;

const file = parseYamlFile("f.yaml", TEXT);

/** line:column and the text that is underlined. */
const shown = (position: { line: number; column: number; length: number }) => {
  const line = TEXT.split("\n")[position.line - 1] ?? "";
  const start = position.column - 1;
  return `${position.line}:${position.column} ${line.slice(start, start + position.length)}`;
};

describe("the place of", () => {
  it.each<[Path, string, string]>([
    [["a"], "1:4 1", "1:1 a"],
    [["b"], '3:3 - {name: x, role: "y z"}', "2:1 b"],
    [["b", 0], '3:5 {name: x, role: "y z"}', '3:5 {name: x, role: "y z"}'],
    [["b", 0, "role"], '3:21 "y z"', "3:15 role"],
    [["b", 1], "4:5 name: long", "4:5 name: long"],
    [["b", 1, "q r"], "5:12 [1,", '5:5 "q r"'],
    [["b", 1, "q r", 1], "6:7 2", "6:7 2"],
    [["c"], "7:1 c", "7:1 c"],
    [["f"], "9:4 *d", "9:1 f"],
    [["f", "e"], "8:11 5", "8:8 e"],
    [[], "1:1 a: 1", "1:1 a: 1"],
    [["nowhere"], "1:1 a: 1", "1:1 a: 1"],
    [["b", 1, "nowhere"], "4:5 name: long", "4:5 name: long"],
    [["b", 9], "2:1 b", "2:1 b"],
    [["a", "deeper"], "1:1 a", "1:1 a"],
  ])("%j is its value's and its key's", (path, value, key) => {
    expect(shown(file.at(path))).toBe(value);
    expect(shown(file.keyAt(path))).toBe(key);
  });

  it("a key in an empty file is its beginning", () => {
    expect(parseYamlFile("f", "").at(["a"])).toEqual({
      file: "f",
      line: 1,
      column: 1,
      length: 1,
    });
  });
});

describe("a text", () => {
  const codes = (text: string) =>
    parseYamlFile("f", text).problems.map(({ code }) => code);

  it("is read as YAML 1.2, where no and 0x10 are what they look like", () => {
    expect(
      parseYamlFile("f", "a: no\nb: 0x10\nc: 1_000\nd: 12:30\ne: ~\n").data,
    ).toEqual({ a: "no", b: 16, c: "1_000", d: "12:30", e: null });
  });

  it("may hold keys that objects have themselves", () => {
    const { data } = parseYamlFile("f", "__proto__: {a: 1}\nconstructor: 2\n");
    expect(Object.keys(Object(data))).toEqual(["__proto__", "constructor"]);
    expect(Object(data).a).toBeUndefined();
  });

  it("tells all its mistakes", () => {
    expect(codes("a: 1\na: 2\nb: {c: 1, c: 2}\nd: *x\ne: !t 1\n")).toEqual([
      "YAML_SYNTAX",
      "DUPLICATE_KEY",
      "DUPLICATE_KEY",
      "YAML_ALIASES",
    ]);
  });

  it("is broken from the line of its first syntax error on", () => {
    expect(parseYamlFile("f", "a: 1\nb: 'x\n").brokenFrom).toBe(3);
    expect(parseYamlFile("f", "a: 1\n\tb: 2\n").brokenFrom).toBe(2);
    expect(parseYamlFile("f", "a: 1\na: !t 2\n").brokenFrom).toBeUndefined();
  });

  it("may be nested as deep as a person nests", () => {
    const deep = (depth: number) =>
      codes(`a: ${"[".repeat(depth)}${"]".repeat(depth)}`);
    expect(deep(60)).toEqual([]);
    expect(deep(65)).toEqual(["YAML_TOO_DEEP"]);
    expect(codes(`# ${"[".repeat(99)}\na: "${"[".repeat(99)}"\n`)).toEqual([]);
    expect(codes(`a: 1\n${" ".repeat(300)}# far right\n`)).toEqual([]);
  });
});
