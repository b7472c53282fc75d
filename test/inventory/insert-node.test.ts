// One more node in the text of an inventory, in the style of the last one.
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { insertNode } from "../../src/inventory/insert-node.ts";

const worker = { name: "worker3", role: "worker", address: undefined };
const fixed = { ...worker, address: "10.0.0.3/24" };

/** The text before the new lines, the new lines, the text behind them. */
const CASES: readonly (readonly [string, string, string, string])[] = [
  [
    "a flow mapping with a comment behind it",
    "nodes:\n  - {name: a}   # the first\n",
    "  - {name: worker3, role: worker, address: 10.0.0.3/24}\n",
    "# the end\n",
  ],
  [
    "a block mapping, an empty line and another key",
    "nodes:\n- name: a\n  role: worker # yes\n",
    "- name: worker3\n  role: worker\n  address: 10.0.0.3/24\n",
    "\nother: 1\n",
  ],
  [
    "wide dashes",
    "nodes:\n  -   name: a\n      board: pi5\n",
    "  -   name: worker3\n      role: worker\n      address: 10.0.0.3/24\n",
    "",
  ],
  [
    "a mapping over several lines",
    "nodes:\n  - {name: a,\n     role: worker}\n",
    "  - {name: worker3, role: worker, address: 10.0.0.3/24}\n",
    "",
  ],
  [
    "lines that end as in Windows",
    "nodes:\r\n  - name: a\r\n",
    "  - name: worker3\r\n    role: worker\r\n    address: 10.0.0.3/24\r\n",
    "# end\r\n",
  ],
  [
    "a list in one line",
    "nodes: [{name: a}, {name: b}",
    ", {name: worker3, role: worker, address: 10.0.0.3/24}",
    "] # all\n",
  ],
];

describe("insertNode", () => {
  it.each(CASES)("follows %s", (_, before, added, behind) => {
    expect(insertNode(before + behind, fixed)).toBe(before + added + behind);
  });

  it("ends the last line first where it has no end", () => {
    expect(insertNode("nodes:\n  - {name: a}", worker)).toBe(
      "nodes:\n  - {name: a}\n  - {name: worker3, role: worker}\n",
    );
  });

  it.each(["no", "1e3", "a: b", "a}, {name: b", "0x1", 'q"', "# x", ""])(
    "writes the name %j so that it is read back",
    (name) => {
      for (const text of ["nodes:\n  - {name: a}\n", "nodes:\n  - name: a\n"]) {
        const { nodes } = parse(
          insertNode(text, { ...worker, name }) ?? "",
        ) as {
          nodes: unknown[];
        };
        expect(nodes).toEqual([{ name: "a" }, { name, role: "worker" }]);
      }
    },
  );

  it.each(["", "nodes:\n", "nodes: []\n", "nodes: {a: 1}\n", "nodes: [a]\n"])(
    "gives up where there is no node to stand behind: %j",
    (text) => {
      expect(insertNode(text, worker)).toBeUndefined();
    },
  );
});
