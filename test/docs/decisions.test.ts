// docs/decisions.md: an index that lists every entry, and what an entry may be.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { indexedDecisions } from "../../docs/generate/decisions-index.ts";
import { packageFile } from "../../src/system/package-files.ts";

const entry = (heading: string, lines = 1): string =>
  `## ${heading}\n\n${"- Because.\n".repeat(lines)}`;

const page = (...entries: readonly string[]): string =>
  `# Decisions\n\n${entries.join("\n")}`;

describe("docs/decisions.md", () => {
  it("has the index that `npm run generate` writes", async () => {
    const text = await readFile(packageFile("docs/decisions.md"), "utf8");
    expect(text).toBe(indexedDecisions(text));
  });

  it("lists every entry with the address that GitHub gives it", () => {
    const text = indexedDecisions(
      page(
        entry("2026-11-30: --signed-by, and a `key`"),
        entry("2026-01-02: a"),
      ),
    );
    expect(text).toContain(
      "\n- 2026-11-30 [--signed-by, and a `key`](#2026-11-30---signed-by-and-a-key)\n- 2026-01-02 [a](#2026-01-02-a)\n\n## 2026-11-30",
    );
    expect(indexedDecisions(text)).toBe(text);
  });

  it.each([
    [[entry("2026-11-30: a", 16)], /has 16 lines; an entry has 15 at most/],
    [
      [entry("2026-11-29: a"), entry("2026-11-30: b")],
      /"2026-11-30: b" is newer than "2026-11-29: a"/,
    ],
    [[entry("Layers")], /"## Layers" has to be "## YYYY-MM-DD/],
    [
      [entry("2026-11-30: a"), entry("2026-11-29: a")],
      /two entries are called "a"/,
    ],
  ])("takes no entry that breaks a rule: %#", (entries, message) => {
    expect(() => indexedDecisions(page(...entries))).toThrow(message);
  });

  it("takes an entry of 15 lines", () => {
    const text = page(entry("2026-11-30: a", 15));
    expect(indexedDecisions(text)).toContain("- 2026-11-30 [a]");
  });
});
