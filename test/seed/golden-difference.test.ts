import { describe, expect, it } from "vitest";
import { fc } from "../support/seeded.ts";
import { difference, type Texts, withDifference } from "./golden-difference.ts";

const written = (path: string, ...lines: readonly string[]): string =>
  [`  - path: ${path}`, "    content: |", ...lines].join("\n");

const node = (name: string, ...lines: readonly string[]) => ({
  name,
  texts: { "user-data": [...lines, ""].join("\n") },
});

const base = node(
  "wired/worker1",
  "#cloud-config",
  "hostname: worker1",
  "write_files:",
  written("/etc/hosts", "      127.0.0.1 localhost", "      127.0.1.1 worker1"),
  written("/etc/crictl.yaml", "      timeout: 10"),
  "runcmd:",
  "  - - sh",
  "    - one",
  "  - - sh",
  "    - two",
);

const other = node(
  "static/worker1",
  "#cloud-config",
  "hostname: worker1",
  "write_files:",
  written(
    "/etc/hosts",
    "      127.0.0.1 localhost",
    "      10.0.0.11 worker1",
    "      10.0.0.10 cplane",
  ),
  written("/etc/more", "      more"),
  "runcmd:",
  "  - - sh",
  "    - one",
  "  - - bash",
  "    - two",
);

const shown = `diff wired/worker1/user-data static/worker1/user-data
@@ /etc/hosts
-      127.0.1.1 worker1
+      10.0.0.11 worker1
+      10.0.0.10 cplane
@@ runcmd
     - one
-  - - sh
+  - - bash
@@ /etc/crictl.yaml (not here)
@@ /etc/more (after /etc/hosts)
+  - path: /etc/more
+    content: |
+      more
`;

describe("the difference between two seeds", () => {
  it("names sections, and a line that stays only where it has to", () => {
    expect(difference(base, other)).toBe(shown);
    expect(withDifference(base.texts, shown)).toEqual(other.texts);
  });

  it("stays what it is when both get the same line", () => {
    const more = ({ name, texts }: typeof base) => ({
      name,
      texts: {
        "user-data": texts["user-data"]
          .replace("localhost\n", "localhost\n      127.0.0.2 more\n")
          .replace("runcmd:\n", "timezone: Etc/UTC\nruncmd:\n"),
      },
    });
    expect(more(base)).not.toEqual(base);
    expect(difference(more(base), more(other))).toBe(shown);
  });

  it("shows a section anew that has little in common with the first", () => {
    const lines = Array.from({ length: 9 }, (_, at) => `      ${at}`);
    const [from, to] = [
      node("a/b", written("/x", ...lines)),
      node("c/d", written("/x", "      new")),
    ];
    const text = difference(from, to);
    expect(text.split("\n").slice(1)).toEqual([
      "@@ /x (anew)",
      "+  - path: /x",
      "+    content: |",
      "+      new",
      "+",
      "",
    ]);
    expect(withDifference(from.texts, text)).toEqual(to.texts);
  });

  it("is nothing between two that are the same", () => {
    expect(difference(base, { ...base, name: "x/y" })).toBe("");
    expect(withDifference(base.texts, "")).toEqual(base.texts);
  });

  it("gives the second seed back, whatever the two are", () => {
    const line = fc.constantFrom(
      "",
      "      a",
      "      b",
      "-- c",
      "+ d",
      "@@ e",
      "diff f",
      " (not here)",
    );
    const section = (heading: string) =>
      fc.array(line, { maxLength: 12 }).map((lines) => [heading, ...lines]);
    const text = fc
      .shuffledSubarray(["one:", "two:", "  - path: /x", "  - path: /y"])
      .chain((headings) =>
        fc.tuple(
          fc.array(line, { maxLength: 3 }),
          ...headings.map((heading) => section(heading)),
        ),
      )
      .map((parts) => parts.flat().join("\n"));
    const texts: fc.Arbitrary<Texts> = fc.record({ a: text, b: text });
    fc.assert(
      fc.property(texts, texts, (from, to) => {
        const shown = difference(
          { name: "from", texts: from },
          { name: "to", texts: to },
        );
        expect(withDifference(from, shown)).toEqual(to);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["a line that the first does not have", "127.0.1.1", "127.0.2.2"],
    ["a section that the first does not have", "@@ runcmd", "@@ bootcmd"],
    ["a section after none", "(after /etc/hosts)", "(after /etc/nothing)"],
    ["a line of no kind", "-  - - sh", "*  - - sh"],
    ["a line outside of a section", "@@ /etc/hosts\n", ""],
    ["a line outside of a file", "diff wired", "of wired"],
  ])("does not fit with %s", (_, was, is) => {
    expect(shown).toContain(was);
    expect(() => withDifference(base.texts, shown.replace(was, is))).toThrow(
      /^(no place for|there is no section|a line stands before)/,
    );
  });
});
