// Code frames as terminals of several widths show them.
import { describe, expect, it } from "vitest";
import type { Problem } from "../../src/report/problem.ts";
import { renderProblems } from "../../src/terminal/code-frame.ts";
import { emulator } from "./screen.ts";

const show = async (
  columns: number,
  line: string,
  token: string,
  label?: string,
) => {
  const problem: Problem = {
    code: "WRONG_TYPE",
    severity: "error",
    message: "is wrong",
    label,
    at: {
      file: "f.yaml",
      line: 1,
      column: line.indexOf(token) + 1,
      length: token.length,
    },
  };
  const shown = emulator(columns, 24);
  const text = renderProblems([problem], new Map([["f.yaml", line]]), {
    color: true,
    columns,
  });
  await shown.write(text.replaceAll("\n", "\r\n"));
  const rows = shown.allRows();
  const source = rows.findIndex((row) => row.startsWith("1 | "));
  return { rows, source: rows[source] ?? "", below: rows.slice(source + 1) };
};

const LABEL = "also used by worker-1 (line 19)";

describe.each([40, 80, 200])("a code frame at %i columns", (columns) => {
  it.each([
    ["at the beginning", "name: x"],
    ["far to the right", `${"x: 1, ".repeat(40)}name: x, y: 2`],
    ["before a long rest", `name: x${", y: 2".repeat(50)}`],
    ["behind wide characters", `${"{ssid: 网络, ".repeat(2)}name: x`],
  ])("marks what is meant %s", async (_where, line) => {
    const { source, below } = await show(columns, line, "name", LABEL);
    const mark = below[0] ?? "";
    const before = mark.indexOf("^^^^");
    expect(before).toBeGreaterThan(0);
    // Wide characters take one place in the text of a row, and two columns.
    const wide = source.slice(0, before).match(/[\u3000-\u9FFF]/g) ?? [];
    expect(source.slice(before - wide.length).slice(0, 4)).toBe("name");
    const label = below
      .map((row) => row.replace(/^ +\|/, ""))
      .join(" ")
      .replaceAll(/[\s^]+/g, " ");
    expect(label).toContain(LABEL);
    expect(
      below.every((row) => row.startsWith("  | ") || !row.includes("^")),
    ).toBe(true);
  });
});

it("the label stands beside the mark where there is room, else below it", async () => {
  expect((await show(80, "name: x", "name", LABEL)).below[0]).toBe(
    `  | ^^^^ ${LABEL}`,
  );
  expect((await show(24, "name: x", "name", LABEL)).below.slice(0, 3)).toEqual([
    "  | ^^^^",
    "  | also used by",
    "  | worker-1 (line 19)",
  ]);
});
