import { describe, expect, it } from "vitest";
import { createLiveLines } from "../../src/commands/live-lines.ts";

const terminal = (rows: number) => {
  const written: string[] = [];
  const { draw } = createLiveLines({
    write: (text) => written.push(text),
    rows: () => rows,
  });
  return { written, draw };
};

describe("createLiveLines", () => {
  it("goes back up as many lines as it drew", () => {
    const { written, draw } = terminal(24);
    draw(["one", "two", "three"]);
    draw(["four"]);
    draw(["five"]);
    expect(written).toEqual([
      "\r\u001B[Jone\ntwo\nthree\n",
      "\u001B[3A\r\u001B[Jfour\n",
      "\u001B[1A\r\u001B[Jfive\n",
    ]);
  });

  it("never draws more than the terminal can take back", () => {
    const { written, draw } = terminal(4);
    draw(["1", "2", "3", "4", "5"]);
    expect(written).toEqual(["\r\u001B[J1\n2\n... and 3 lines more\n"]);
  });
});
