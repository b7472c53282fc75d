// One wrong cluster.yaml for each mistake, with the exact message beside it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadInventory } from "../../src/inventory/load/load-inventory.ts";
import { renderProblems } from "../../src/terminal/code-frame.ts";
import { PROBLEM_CODES } from "../../src/report/problem-codes.ts";

const FOLDER = "test/inventory/invalid";
const update = process.env["UPDATE_GOLDENS"] === "1";

const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => name.replace(/\.yaml$/, ""));

/** Codes that no file in the folder can give; each has its own test. */
const ELSEWHERE = [
  "EEPROM_IMAGE_INVALID",
  "FILE_NOT_UTF8",
  "FILE_TOO_LARGE",
  "FILE_UNREADABLE",
  "TOO_MANY_MISTAKES",
];

/** The codes that stand in this room's sources. */
const ownCodes = (): readonly string[] => {
  const sources = readdirSync("src/inventory", {
    recursive: true,
    encoding: "utf8",
  })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join("src/inventory", name), "utf8"));
  return Object.keys(PROBLEM_CODES).filter((code) =>
    sources.some((source) => source.includes(`"${code}"`)),
  );
};

const load = (name: string) =>
  loadInventory({
    path: join(FOLDER, `${name}.yaml`),
    env: {
      SHORT_PASSWORD: "short",
      HEX_PASSWORD: "0".repeat(64),
      GOOD_PASSWORD: "correct horse",
    },
    home: "/nonexistent",
    ...(/^secret-command-(failed|silent)$/.test(name) && {
      allowCommand: () => Promise.resolve(true),
    }),
  });

const golden = (name: string): string => join(FOLDER, `${name}.txt`);

describe("a wrong inventory", () => {
  it.each(names)("gets its message: %s", async (name) => {
    const { problems, files } = await load(name);
    const shown = `${renderProblems(problems, files, { color: false })}\n`;
    if (update) {
      writeFileSync(golden(name), shown);
    }
    expect(shown).toBe(readFileSync(golden(name), "utf8"));
    expect(problems).not.toEqual([]);
  });

  it.each(names)("is refused unless it only warns: %s", async (name) => {
    const { problems, project } = await load(name);
    const errors = problems.filter(({ severity }) => severity === "error");
    expect(project === undefined).toBe(errors.length > 0);
  });

  it("has a message file for no other name", () => {
    const texts = readdirSync(FOLDER).filter((name) => name.endsWith(".txt"));
    expect(texts.map((name) => name.replace(/\.txt$/, ""))).toEqual(names);
  });

  it("is there for every code of this room", async () => {
    const seen = new Set<string>(ELSEWHERE);
    for (const name of names) {
      for (const { code } of (await load(name)).problems) {
        seen.add(code);
      }
    }
    const missing = ownCodes().filter((code) => !seen.has(code));
    expect(missing).toEqual([]);
    expect(seen.size).toBeGreaterThan(60);
  });

  it("never shows a secret that someone wrote into it", () => {
    const secrets = /hunter2|correct.horse|12345678|geheim|b3BlbnNz/;
    const shown = names.filter(
      (name) =>
        existsSync(golden(name)) &&
        secrets.test(readFileSync(golden(name), "utf8")),
    );
    const planted = names.filter((name) =>
      secrets.test(readFileSync(join(FOLDER, `${name}.yaml`), "utf8")),
    );
    expect(shown).toEqual([]);
    expect(planted.length).toBeGreaterThan(4);
  });
});
