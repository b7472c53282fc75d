// One node fewer in the text of an inventory, and every other byte as it was.
import { describe, expect, it } from "vitest";
import { cutNode } from "../../src/inventory/cut-node.ts";

/** The text before the node, its own, and the text behind it. */
const CASES: readonly (readonly [string, string, string, string])[] = [
  [
    "one line among others, with a comment behind it",
    "# mine\nnodes:\n  # all in the cellar\n  - {name: a} # first\n",
    "  - {name: b, role: worker}   # the old one\n",
    "\n  - {name: c}\n# end\n",
  ],
  [
    "the last line, without an end",
    "nodes:\n  - {name: a}\n",
    "  - {name: b}",
    "",
  ],
  [
    "the first of several lines each, and what is said between and below them",
    "cluster: {name: x}\nnodes:\n",
    "- name: b # yes\n  # a board\n  board: pi5\n  # spare: pi4\n",
    "- name: a\n  role: worker\nother: 1\n",
  ],
  [
    "one with wide dashes, and a list in it",
    "nodes:\n  -   name: a\n",
    "  -   name: b\n      users:\n        - {name: b}\n      extra: |\n        - name: b\n",
    "\n",
  ],
  [
    "a mapping over several lines",
    "nodes:\n  - {name: a}\n",
    "  - {name: b,\n     role: worker}\n",
    "  - {name: c}\n",
  ],
  [
    "lines that end as in Windows",
    "nodes:\r\n  - name: a\r\n",
    "  - name: b\r\n    role: worker\r\n",
    "  - name: c\r\n# end\r\n",
  ],
  [
    "a dash on a line of its own",
    "nodes:\n  - name: a\n",
    "  -\n    name: b\n",
    "",
  ],
  ["the first in one line", "nodes: [", "{name: b}, ", "{name: a}] # all\n"],
  ["the last in one line", "nodes: [{name: a}", ", {name: b}", "] # all\n"],
  [
    "JSON",
    '{"nodes": [\n  {"name": "a"}',
    ',\n  {"name": "b", "role": "worker"}',
    "\n]}\n",
  ],
  [
    "the first in JSON",
    '{"nodes": [\n  ',
    '{"name": "b"},\n  ',
    '{"name": "a"}]}\n',
  ],
];

describe("cutNode", () => {
  it.each(CASES)("takes out %s", (_, before, own, behind) => {
    expect(cutNode(before + own + behind, "b")).toBe(before + behind);
  });

  it.each([
    ["no list", "nodes: 1\n"],
    ["nobody of that name", "nodes:\n  - {name: a}\n"],
    ["two of that name", "nodes:\n  - {name: b}\n  - {name: b}\n"],
    ["an alias", "one: &b {name: b}\nnodes:\n  - *b\n  - {name: a}\n"],
    [
      "others that refer to it",
      "nodes:\n  - &b {name: b, board: pi5}\n  - {<<: *b, name: a}\n",
    ],
    ["a text that is not YAML", "nodes: [{name: b}\n"],
  ])("leaves %s to a person", (_, text) => {
    expect(cutNode(text, "b")).toBeUndefined();
  });
});
