import { describe, expect, it } from "vitest";
import { parseDuration } from "../../src/terminal/duration.ts";

describe("parseDuration", () => {
  it.each([
    ["200ms", 200],
    ["5s", 5000],
    ["1.5m", 90_000],
    ["30m", 1_800_000],
    ["1h30m", 5_400_000],
  ])("reads %s", (text, milliseconds) => {
    expect(parseDuration(text, "--timeout")).toBe(milliseconds);
  });

  it.each(["", "soon", "5", "5 s", "-5s", "5s!", "40d", "999999h"])(
    "refuses %j",
    (text) => {
      expect(() => parseDuration(text, "--timeout")).toThrow("not a duration");
    },
  );
});
