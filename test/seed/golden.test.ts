import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  goldenCases,
  libraryWithoutScripts,
  renderCase,
  seedFiles,
} from "./golden-cases.ts";
import { goldenFolder } from "./sample-project.ts";

const update = process.env["UPDATE_GOLDENS"] === "1";

describe("golden seeds", () => {
  it("are not being rewritten by CI", () => {
    expect(update && (process.env["CI"] ?? "") !== "").toBe(false);
  });

  it("are there", () => {
    expect(goldenCases).toEqual(
      expect.arrayContaining([
        "static",
        "three-control-planes",
        "wifi",
        "wifi-names",
        "wifi-security",
        "wired",
      ]),
    );
  });

  it.each(goldenCases)(
    "%s: every node's files are as reviewed",
    async (name) => {
      const folder = join(goldenFolder, name);
      const nodes = await renderCase(name, await libraryWithoutScripts());
      for (const { node, seed } of nodes) {
        for (const [file, text] of Object.entries(seedFiles(seed))) {
          const path = join(folder, node.name, file);
          if (update) {
            mkdirSync(join(folder, node.name), { recursive: true });
            writeFileSync(path, text);
          }
          expect(text, path).toBe(readFileSync(path, "utf8"));
        }
      }
      const folders = readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name);
      expect(folders.toSorted()).toEqual(
        nodes.map(({ node }) => node.name).toSorted(),
      );
    },
  );
});
