// What makes a test pass today and fail tomorrow has no place in any test: chance without a seed, second tries, pauses in
// place of conditions.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";

type Habit = {
  readonly title: string;
  readonly pattern: RegExp;
  readonly wrong: string;
  /** Files that have a reason. */
  readonly but: readonly string[];
};

const HABITS: readonly Habit[] = [
  {
    title: "try a second time",
    pattern: /\bretry: |\bretry=|\bretry\(/,
    wrong: "retry: 2",
    but: [],
  },
  {
    title: "use chance without a seed",
    pattern:
      /\bMath\.random\b|\brandomBytes\b|\brandomInt\b|\brandomFill|\$RANDOM\b/,
    wrong: "randomBytes(4)",
    but: [],
  },
  {
    title: "use fast-check without the seed of test/support/seeded.ts",
    pattern: /from "fast-check"/,
    wrong: 'import fc from "fast-check";',
    // The fuzzer has seeds of its own.
    but: ["support/seeded.ts", "fuzz/fuzz-child.ts"],
  },
  {
    title: "pause instead of waiting for something",
    pattern:
      /\bsetTimeout\(|node:timers\/promises|\bsleep 0?\.\d|"sleep", \["[\d.]+"\]/,
    wrong: 'spawnSync("sleep", ["0.3"]);',
    but: [
      // A server's time limit, in gateway-lan.ts, and a signature that has to expire, in resolve-base.test.ts.
      "seed/gateway-lan.ts",
      "base/resolve-base.test.ts",
      // The clock of the file system has to go on by two seconds.
      "base/resolve-file.test.ts",
      // A slow decoder, so that the end comes while it works.
      "image/xz-slot-files.test.ts",
      // Between two looks at a condition.
      "terminal/manual.test.ts",
      "seed/registry-mirrors.test.ts",
      "kubernetes/real-control-plane.ts",
      // Long enough for a fast card; a shorter one proves less, and never fails.
      // Bounds the wait for a process that may not end, by a timer that is cleared.
      "commands/ends.test.ts",
      "flash/several-cards.test.ts",
      // setImmediate, which only lets others go on.
      "system/file-lock.test.ts",
    ],
  },
];

const folder = packageFile("test");
const HERE = "support/habits.test.ts";

const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
  (path) =>
    // Boots and benchmarks run machines and clocks of their own.
    !/^(boot|bench|golden)\//.test(path) &&
    /\.(ts|mjs|sh|py)$|^node\/fakes\/\w+\/[^/]+$/.test(path) &&
    path !== HERE,
);

describe("no test may", () => {
  it.each(HABITS)("$title", ({ pattern, wrong, but }) => {
    expect(wrong).toMatch(pattern);
    expect(files.length).toBeGreaterThan(300);
    const found = files.filter(
      (path) =>
        !but.includes(path) &&
        pattern.test(readFileSync(join(folder, path), "utf8")),
    );
    expect(found).toEqual([]);
  });

  /** A call with all its arguments; parentheses in its strings come in pairs, or it is cut and found. */
  const callAt = (text: string, start: number): string => {
    let depth = 0;
    for (let at = text.indexOf("(", start); at < text.length; at += 1) {
      depth += text[at] === "(" ? 1 : text[at] === ")" ? -1 : 0;
      if (depth === 0) {
        return text.slice(start, at + 1);
      }
    }
    return text.slice(start);
  };

  /** Node passes stderr on unless it is told otherwise. */
  const passesOn = (text: string): readonly string[] =>
    [...text.matchAll(/\bexec(?:File)?Sync\(/g)]
      .map(({ index }) => callAt(text, index))
      .filter((call) => !call.includes("stdio"));

  it("let a program print into the list of the tests", () => {
    expect(passesOn('execFileSync("mkfs", [image(1)], {});')).toHaveLength(1);
    expect(passesOn('execFileSync("mkfs", [], { stdio: "pipe" });')).toEqual(
      [],
    );
    const found = files.filter(
      (path) => passesOn(readFileSync(join(folder, path), "utf8")).length > 0,
    );
    expect(found).toEqual([]);
  });

  it("print anything by itself", () => {
    const prints = /^ *console\./m;
    expect('  console.log("done");').toMatch(prints);
    const found = files.filter(
      (path) =>
        path.endsWith(".test.ts") &&
        prints.test(readFileSync(join(folder, path), "utf8")),
    );
    expect(found).toEqual([]);
  });

  it("be tried twice by the configuration", () => {
    expect(readFileSync(packageFile("vitest.config.ts"), "utf8")).not.toMatch(
      /retry/,
    );
  });
});
