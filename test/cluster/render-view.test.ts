// The words of `watch` for nodes in every state.
import { describe, expect, it } from "vitest";
import { explainMissingNodes } from "../../src/cluster/explain-missing.ts";
import { renderNodeLine, renderView } from "../../src/cluster/render-view.ts";
import { everyState } from "./views.ts";

const golden = (name: string): string => `golden/${name}.txt`;
const text = (lines: readonly string[]): string => `${lines.join("\n")}\n`;

describe("renderView", () => {
  it("draws a table and what holds nodes up", async () => {
    const lines = renderView(everyState, 120).map((line) => line.text);
    await expect(text(lines)).toMatchFileSnapshot(golden("watch-table"));
  });

  it("fits the terminal", () => {
    const lines = renderView(everyState, 40);
    expect(Math.max(...lines.map((line) => line.text.length))).toBe(40);
  });
});

describe("nodeLine", () => {
  it("says in one line how far a node is", async () => {
    await expect(
      text(everyState.nodes.map(renderNodeLine)),
    ).toMatchFileSnapshot(golden("watch-lines"));
  });
});

describe("explainMissing", () => {
  it("says what is missing and where to look", async () => {
    const lines = everyState.nodes
      .filter(({ ready }) => !ready)
      .map((node) => explainMissingNodes(node, "ssh -F out/ssh_config"));
    await expect(text(lines)).toMatchFileSnapshot(golden("watch-missing"));
  });
});
