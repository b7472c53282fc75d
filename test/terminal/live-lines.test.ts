// Lines that are drawn again in place, as a terminal shows them.
import pc from "picocolors";
import { describe, expect, it } from "vitest";
import { createLiveLines } from "../../src/terminal/live-lines.ts";
import { emulator } from "./screen.ts";

const start = (columns: number, rows: number) => {
  const shown = emulator(columns, rows);
  let written = "$ command\r\n";
  const { draw } = createLiveLines({
    write: (text) => {
      written += text.replaceAll("\n", "\r\n");
    },
    columns: () => shown.terminal.cols,
    rows: () => shown.terminal.rows,
  });
  const see = async () => {
    await shown.write(written);
    written = "";
    return shown.allRows();
  };
  return {
    draw,
    see,
    resize: async (newColumns: number) => {
      await see();
      shown.terminal.resize(newColumns, rows);
    },
  };
};

describe("live lines", () => {
  it("stand in one place, below what was there before", async () => {
    const { draw, see } = start(80, 24);
    draw(["one", "two", "three"]);
    expect(await see()).toEqual(["$ command", "one", "two", "three"]);
    draw(["four"]);
    expect(await see()).toEqual(["$ command", "four"]);
    draw(["five", "six"]);
    expect(await see()).toEqual(["$ command", "five", "six"]);
  });

  it("are never more than the terminal can take back", async () => {
    const { draw, see } = start(80, 4);
    draw(["1", "2", "3", "4", "5"]);
    draw(["1", "2", "3", "4", "6"]);
    expect(await see()).toEqual([
      "$ command",
      "1",
      "2",
      "... and 3 lines more",
    ]);
  });

  it.each([10, 39, 40, 41, 79, 200])(
    "leave nothing behind when the terminal gets %i columns",
    async (columns) => {
      const { draw, see, resize } = start(80, 24);
      draw([
        pc.createColors(true).green("a".repeat(79)),
        "",
        "卡".repeat(39),
        "short",
      ]);
      await resize(columns);
      draw(["after"]);
      expect(await see()).toEqual(["$ command", "after"]);
    },
  );

  it("take one row each where the terminal finds a name wider than we do", async () => {
    const { draw, see } = start(10, 24);
    draw(["👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦"]);
    draw(["after"]);
    expect(await see()).toEqual(["$ command", "after"]);
  });
});
