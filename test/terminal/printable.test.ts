import pc from "picocolors";
import { expect, it } from "vitest";
import { printable, visible } from "../../src/report/printable.ts";

const paint = pc.createColors(true);

it("keeps the ends of lines and our own colours", () => {
  const text = `${paint.bold(paint.red("error"))}:\tone\n${paint.cyan("|")} ${paint.gray("x")} ${paint.yellow("y")} ${paint.green("z")}`;
  expect(printable(text, true)).toBe(text);
});

it("lets nothing else reach the terminal", () => {
  for (const escape of [
    "[2J",
    "[8m",
    "[?1049h",
    "]0;title\u0007",
    "c",
    "[31",
  ]) {
    expect(printable(`a\u001B${escape}b`, true)).not.toContain("\u001B");
  }
  expect(printable(paint.red("x"), false)).toBe("␛[31mx␛[39m");
  expect(printable("a\rb\u009B2J\u202E", false)).toBe("a␍b�2J�");
});

it("shows a line break in a name as what it is", () => {
  expect(visible("a\nerror[X]: b\t")).toBe("a␊error[X]: b␉");
});
