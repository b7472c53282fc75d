import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { goldenCases, seedFiles } from "./golden-cases.ts";
import { withDifference } from "./golden-difference.ts";
import { type ReviewedNode, reviewedNodes } from "./golden-files.ts";
import { masked, unmasked } from "./golden-masks.ts";
import { goldenFolder } from "./sample-project.ts";

const update = process.env["UPDATE_GOLDENS"] === "1";

const cases = await Promise.all(
  goldenCases.map(async (name) => ({
    name,
    folder: join(goldenFolder, name),
    nodes: await reviewedNodes(name),
  })),
);

const write = (folder: string, nodes: readonly ReviewedNode[]): void => {
  for (const entry of readdirSync(folder)) {
    if (!["cluster.yaml", "cloud-init"].includes(entry)) {
      rmSync(join(folder, entry), { recursive: true });
    }
  }
  for (const [path, text] of nodes.flatMap(({ files }) =>
    Object.entries(files),
  )) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
};

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();

describe("golden seeds", () => {
  it("are not being rewritten by CI", () => {
    expect(update && (process.env["CI"] ?? "") !== "").toBe(false);
  });

  it("are there", () => {
    expect(goldenCases).toEqual(
      expect.arrayContaining([
        "dual-stack",
        "static",
        "three-control-planes",
        "wifi",
        "wifi-names",
        "wifi-security",
        "wired",
      ]),
    );
  });

  it.each(cases)("$name: every node is as reviewed", ({ folder, nodes }) => {
    if (update) {
      write(folder, nodes);
    }
    for (const { files, differs } of nodes) {
      for (const [path, text] of Object.entries(files)) {
        const reviewed = readFileSync(join(folder, path), "utf8");
        expect(text, join(folder, path)).toBe(reviewed);
        if (differs !== undefined) {
          expect(withDifference(differs.from, reviewed)).toEqual(differs.to);
        }
      }
    }
    // A case may have fragments of its own beside its inventory.
    const shown = filesBelow(folder).filter(
      (path) => !path.startsWith("cloud-init/"),
    );
    expect(shown).toEqual(
      [
        "cluster.yaml",
        ...nodes.flatMap(({ files }) => Object.keys(files)),
      ].toSorted(),
    );
  });

  it.each(cases)("$name: the masks hide nothing", ({ nodes }) => {
    for (const { seed } of nodes) {
      const texts = Object.values(seedFiles(seed));
      expect(texts.map((text) => unmasked(masked(text)))).toEqual(texts);
      expect(texts.map(masked).join("\n")).not.toMatch(/PRIVATE KEY|LS0t/);
    }
  });

  it("tell each seed from all others by its digest", () => {
    const ids = cases.flatMap(({ nodes }) =>
      nodes.map(({ node, seed }) => {
        const [, name, digest] =
          /^instance-id: pi-image-(.+)-([0-9a-f]{12})$/m.exec(seed.metaData) ??
          [];
        expect(name).toBe(node.name);
        return digest;
      }),
    );
    expect(ids.length).toBeGreaterThan(40);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
