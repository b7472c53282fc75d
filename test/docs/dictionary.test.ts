// Words have one meaning: in docs/dictionary.md and in the names of src/.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { demandOneMeaning } from "../../docs/generate/names.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { temporaryFolder } from "../support/folder.ts";

const house = async (files: Readonly<Record<string, string>>) => {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
};

describe("docs/dictionary.md", () => {
  const text = readFileSync(packageFile("docs/dictionary.md"), "utf8");

  it("explains each word once", () => {
    const words = [...text.matchAll(/^\| ([^|]+) \| [^-]/gm)]
      .flatMap(([, cell = ""]) => cell.split(","))
      .map((word) => word.trim())
      .filter((word) => word !== "word");
    expect(words.length).toBeGreaterThan(25);
    expect(words).toEqual([...new Set(words)]);
  });

  it("names code that exists", () => {
    const names = [...text.matchAll(/`([A-Z]\w+|load\w+)`/g)].map(
      ([, name = ""]) => name,
    );
    const sources = [
      "base/base-request.ts",
      "base/proven-base.ts",
      "image/node-patch.ts",
      "image/archive/xz/xz-lane.ts",
      "image/archive/xz/xz-lanes.ts",
      "flash/lane.ts",
      "flash/slots.ts",
      "kubernetes/secrets/load-cluster-secrets.ts",
      "inventory/load/load-wifi-passwords.ts",
    ].map((file) => readFileSync(packageFile(`src/${file}`), "utf8"));
    expect(names).toHaveLength(9);
    for (const name of names) {
      expect(
        sources.filter((source) =>
          new RegExp(`^(export )?(type|const) ${name}\\b`, "m").test(source),
        ),
        name,
      ).toHaveLength(1);
    }
  });
});

describe("names in src/", () => {
  it("mean one thing each", () => {
    expect(demandOneMeaning(packageFile("src")).files).toBeGreaterThan(300);
  });

  it.each([
    [
      "an export and an export",
      {
        "a/x.ts": "export const load = 1;\n",
        "b/y.ts": "export type load = 2;\n",
      },
      "load is declared in a/x.ts and b/y.ts",
    ],
    [
      "an export and what another file has for itself",
      {
        "a/x.ts": "export const load = async () => 1;\n",
        "b/y.ts": "async function load() {}\n",
      },
      "load is declared in a/x.ts and b/y.ts",
    ],
    [
      "two files",
      { "a/x.ts": "", "b/x.ts": "" },
      "x.ts is the name of a/x.ts and b/x.ts",
    ],
    [
      "a crowd",
      Object.fromEntries(
        Array.from({ length: 26 }, (_, at) => [`a/x${at}.ts`, ""]),
      ),
      "a has 26 files side by side",
    ],
  ])("are refused: %s", async (_, files, words) => {
    const folder = await house(files);
    expect(() => demandOneMeaning(folder)).toThrow(words);
  });

  it("may be alike where each is for its own file", async () => {
    const folder = await house({
      "a/x.ts": "const read = 1;\n",
      "b/y.ts":
        "const read = 2;\nexport const other = () => {\n  const x = 1;\n};\n",
    });
    expect(demandOneMeaning(folder)).toEqual({
      files: 2,
      lines: 5,
      fullest: 1,
    });
  });
});
