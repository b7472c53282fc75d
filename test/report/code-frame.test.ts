import { describe, expect, it } from "vitest";
import { renderProblems } from "../../src/terminal/code-frame.ts";
import type { Problem } from "../../src/report/problem.ts";

const at = (line: number, column: number, length: number, file = "f.yaml") => ({
  file,
  line,
  column,
  length,
});

const problem = (more: Partial<Problem>): Problem => ({
  code: "WRONG_TYPE",
  severity: "error",
  message: "something is wrong",
  ...more,
});

const render = (
  problems: readonly Problem[],
  text = "",
  options = { color: false },
) => renderProblems(problems, new Map([["f.yaml", text]]), options);

/** The source line and the line of the underline, without the gutter. */
const lines = (text: string, column: number, length: number) => {
  const shown = render([problem({ at: at(1, column, length) })], text)
    .split("\n")
    .slice(3, 5)
    .map((line) => line.slice(4));
  return { source: shown[0] ?? "", mark: shown[1] ?? "" };
};

describe("a problem in a file", () => {
  it("is shown in its line, under the line before it, with label and hint", () => {
    const text = `${"\n".repeat(21)}  - name: worker-2\n    address: 10.0.0.12/24\n`;
    expect(
      render(
        [
          problem({
            code: "NODE_ADDRESS_TAKEN",
            message: "the address 10.0.0.12 is used twice",
            at: at(23, 14, 12),
            label: "also used by worker-1 (line 19)",
            hint: "give every node its own address",
          }),
        ],
        text,
      ),
    ).toBe(`error[NODE_ADDRESS_TAKEN]: the address 10.0.0.12 is used twice
  --> f.yaml:23:14
   |
22 |   - name: worker-2
23 |     address: 10.0.0.12/24
   |              ^^^^^^^^^^^^ also used by worker-1 (line 19)
hint: give every node its own address

1 error`);
  });

  it("stands alone in the first line", () => {
    expect(render([problem({ at: at(1, 1, 1) })], "a: 1\n")).toContain(
      " --> f.yaml:1:1\n  |\n1 | a: 1\n  | ^\n",
    );
  });

  it("keeps the bars in one column where the line numbers grow a digit", () => {
    expect(
      render([problem({ at: at(10, 1, 1) })], `${"\n".repeat(8)}a\nb\n`),
    ).toContain("   |\n 9 | a\n10 | b\n   | ^\n");
  });

  it("may stand in a file whose text is not known, or behind its end", () => {
    expect(render([problem({ at: at(1, 2, 3, "other.yaml") })])).toContain(
      " --> other.yaml:1:2",
    );
    expect(render([problem({ at: at(99, 1, 1) })], "a\n")).toContain(
      " --> f.yaml:99:1",
    );
  });

  it("may stand in no file", () => {
    expect(render([problem({ hint: "do this" })])).toBe(
      "error[WRONG_TYPE]: something is wrong\nhint: do this\n\n1 error",
    );
  });
});

describe("several problems", () => {
  it("are sorted by file, line and column, and counted", () => {
    const shown = render(
      [
        problem({ message: "no place" }),
        problem({ message: "third", at: at(2, 1, 1) }),
        problem({ message: "fourth", at: at(1, 1, 1, "g.yaml") }),
        problem({ message: "second", at: at(1, 9, 1), severity: "warning" }),
        problem({ message: "first", at: at(1, 2, 1) }),
      ],
      "line one of it\nline two\n",
    );
    const order = [...shown.matchAll(/\]: (.*)/g)].map((match) => match[1]);
    expect(order).toEqual(["first", "second", "third", "fourth", "no place"]);
    expect(shown.endsWith("\n\n4 errors and 1 warning")).toBe(true);
  });

  it("of none are nothing", () => {
    expect(render([])).toBe("");
  });
});

describe("the underline", () => {
  it("stays under its characters behind a tab", () => {
    expect(lines("a\tb: c", 3, 1)).toEqual({ source: "a  b: c", mark: "   ^" });
  });

  it("counts wide characters twice", () => {
    expect(lines("ssid: 東京 x", 7, 2)).toEqual({
      source: "ssid: 東京 x",
      mark: "      ^^^^",
    });
    expect(lines("ssid: 🍓 x", 10, 1).mark).toBe("         ^");
  });

  it("counts a letter with its accents once", () => {
    expect(lines("cafe\u0301: x", 8, 1).mark).toBe("      ^");
  });

  it("is at least one character, also behind the end of the line", () => {
    expect(lines("abc", 4, 1).mark).toBe("   ^");
    expect(lines("", 1, 1).mark).toBe("^");
  });
});

describe("a long line", () => {
  const long = `${"a".repeat(300)}WRONG${"b".repeat(300)}`;

  it("is cut around what is underlined", () => {
    const { source, mark } = lines(long, 301, 5);
    expect(source.length).toBeLessThanOrEqual(92);
    expect(source.startsWith("…")).toBe(true);
    expect(source.endsWith("…")).toBe(true);
    expect(source.slice(mark.indexOf("^"), mark.lastIndexOf("^") + 1)).toBe(
      "WRONG",
    );
  });

  it("is cut at its end only, where the underline is near its beginning", () => {
    const { source, mark } = lines(`x: ${long}`, 1, 1);
    expect(source.startsWith("x: aaa")).toBe(true);
    expect(source.endsWith("…")).toBe(true);
    expect(mark).toBe("^");
  });

  it("is cut under a long underline, too", () => {
    const { source, mark } = lines(long, 1, 605);
    expect(source.length).toBe(92);
    expect(mark.length).toBe(92);
  });

  it("never splits a wide character", () => {
    const { source } = lines(`${"東".repeat(200)}WRONG`, 201, 5);
    expect(source).toMatch(/^… ?東+WRONG$/);
  });

  it("of a megabyte takes no time", () => {
    const { mark, source } = lines("x".repeat(1_000_000), 500_000, 3);
    expect(mark.trim()).toBe("^^^");
    expect(source.length).toBe(92);
  });
});

describe("what comes from a file", () => {
  it("cannot move the cursor or turn the text around", () => {
    const hostile = "\u001b[2J\u0007\u202Eabc\u2028\ud800\u007f";
    const shown = render(
      [
        problem({
          message: hostile,
          label: hostile,
          hint: hostile,
          at: at(1, 1, 3),
        }),
      ],
      hostile,
    );
    expect(shown.replaceAll("\n", "")).not.toMatch(
      /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u,
    );
    expect(shown).toContain("␛[2J␇");
  });
});

describe("color", () => {
  it("is there when asked for, and changes no character", () => {
    const problems = [problem({ at: at(1, 1, 1), label: "here", hint: "do" })];
    const plain = render(problems, "a: 1");
    const colored = render(problems, "a: 1", { color: true });
    expect(colored).not.toBe(plain);
    // oxlint-disable-next-line no-control-regex
    expect(colored.replaceAll(/\u001b\[\d+m/g, "")).toBe(plain);
  });
});
