import { describe, expect, it } from "vitest";
import { isCountry } from "../../src/inventory/rules/wifi-rules.ts";
import { closest, listed, quoted } from "../../src/inventory/wording.ts";
import { fc } from "../support/seeded.ts";

describe("suggestions", () => {
  it.each([
    ["adress", "address"],
    ["naem", "name"],
    ["Role", "role"],
    ["nmae", "name"],
    ["xyz", undefined],
    ["", undefined],
    ["x".repeat(100_000), undefined],
  ])("for %s is %s", (word, expected) => {
    expect(closest(word, ["name", "role", "address"])).toBe(expected);
  });

  it("find every word with one letter changed", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z]{4,12}$/),
        fc.nat(),
        fc.constantFrom("q", "z", ""),
        (word, number, letter) => {
          const at = number % word.length;
          const changed = word.slice(0, at) + letter + word.slice(at + 1);
          expect(closest(changed, ["0000000000000000", word])).toBe(word);
        },
      ),
    );
  });
});

describe("messages", () => {
  it("list words as people do", () => {
    expect(listed([])).toBe("");
    expect(listed(["a"])).toBe("a");
    expect(listed(["a", "b"])).toBe("a and b");
    expect(listed(["a", "b", "c"], "or")).toBe("a, b or c");
  });

  it("quote values on one line, cut when they are long", () => {
    expect(quoted('a"b\n')).toBe(String.raw`"a\"b\n"`);
    expect(quoted("🍓".repeat(80))).toBe(`"${"🍓".repeat(60)}…"`);
  });
});

describe("country codes", () => {
  const letters = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  const all = letters.flatMap((a) => letters.map((b) => a + b));

  it("are the 249 of ISO 3166-1, each with a name in Unicode's data", () => {
    const names = new Intl.DisplayNames("en", {
      type: "region",
      fallback: "none",
    });
    const codes = all.filter(isCountry);
    expect(codes).toHaveLength(249);
    expect(codes.filter((code) => names.of(code) === undefined)).toEqual([]);
    expect(["UK", "EU", "XX", "ZZ"].filter(isCountry)).toEqual([]);
  });
});
