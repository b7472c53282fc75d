// docs/architecture.md names rooms and phases that exist, and the drawing knows circles when it sees them.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { layOut } from "../../docs/generate/house-layout.ts";
import {
  circles,
  demandNoCircle,
  readImports,
  reduced,
  roomImports,
} from "../../docs/generate/imports.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { temporaryFolder } from "../support/folder.ts";

const text = readFileSync(packageFile("docs/architecture.md"), "utf8");

const house = async (files: Readonly<Record<string, string>>) => {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return readImports(folder);
};

const graph = (imports: Readonly<Record<string, readonly string[]>>) =>
  new Map(
    Object.entries(imports).map(([name, targets]) => [name, new Set(targets)]),
  );

describe("docs/architecture.md", () => {
  it("walks through rooms that exist", () => {
    const rooms = [...text.matchAll(/\*\*([a-z]+)\*\*(?!:)/g)].map(
      ([, room = ""]) => room,
    );
    expect(rooms.length).toBeGreaterThan(15);
    for (const room of rooms) {
      expect(existsSync(packageFile(`src/${room}`)), room).toBe(true);
    }
  });

  it("names every phase of the node, in its order", () => {
    const phases = readdirSync(
      packageFile("cloud-init/files/usr/local/lib/pi-image/phases"),
    ).toSorted();
    expect(
      [...text.matchAll(/`(\d\d-[a-z-]+)`/g)].map(([, phase]) => phase),
    ).toEqual([...phases, "50-kubeadm"]);
  });

  it("is right that neither flash nor device knows YAML", () => {
    const files = readImports(packageFile("src"));
    const rooms = roomImports(files);
    for (const room of ["flash", "device"]) {
      const others = [...(rooms.get(room) ?? [])];
      expect(others).not.toContain("inventory");
      expect(others).not.toContain("kubernetes");
      const own = [...files.keys()].filter((file) =>
        file.startsWith(`${room}/`),
      );
      expect(own.length).toBeGreaterThan(5);
      for (const file of own) {
        expect(readFileSync(packageFile(`src/${file}`), "utf8")).not.toMatch(
          /from "(js-)?yaml"/,
        );
      }
    }
  });
});

describe("a circle is found", () => {
  it.each([
    ["values", 'import { b } from "./b.ts";', 'export { a } from "./a.ts";'],
    [
      "types",
      'import type { B } from "./b.ts";',
      'import { a } from "./a.ts";',
    ],
    ["a type by name", 'type B = import("./b.ts").B;', 'import "./a.ts";'],
    ["import()", 'await import("./b.ts");', 'import { a } from "./a.ts";'],
    ["lines", 'import {\n  b,\n} from "./b.ts";', 'export * from "./a.ts";'],
  ])("of %s", async (_, a, b) => {
    const imports = await house({
      "one/a.ts": a,
      "one/b.ts": b,
      "one/c.ts": 'import "./a.ts";',
    });
    expect(circles(imports)).toEqual([["one/a.ts", "one/b.ts", "one/a.ts"]]);
    expect(() => demandNoCircle(imports)).toThrow(
      "  one/a.ts -> one/b.ts -> one/a.ts",
    );
  });

  it("of rooms, where no file is in one", async () => {
    const imports = await house({
      "one/a.ts": 'import "../two/deep/b.ts";',
      "two/deep/b.ts": "",
      "two/c.ts": 'import "../one/d.ts";',
      "one/d.ts": "",
    });
    expect(circles(imports)).toEqual([]);
    expect(() => demandNoCircle(imports)).toThrow("  one -> two -> one");
  });

  it("once for each group, and not where there is none", () => {
    expect(
      circles(graph({ a: ["b"], b: ["c"], c: ["a", "b"], d: ["d"], e: ["a"] })),
    ).toEqual([
      ["a", "b", "c", "a"],
      ["d", "d"],
    ]);
    expect(circles(graph({ a: ["b", "c"], b: ["c"], c: [] }))).toEqual([]);
  });
});

describe("the drawing", () => {
  it("leaves out what a longer way says, and stands each room above what it imports", () => {
    const imports = reduced(
      graph({ top: ["low", "mid"], mid: ["low"], low: [], side: ["low"] }),
    );
    expect([...(imports.get("top") ?? [])]).toEqual(["mid"]);
    const { floors, arrows } = layOut(imports);
    expect(
      floors.map((floor) => new Set(floor.map(({ room }) => room))),
    ).toEqual([new Set(["low"]), new Set(["mid", "side"]), new Set(["top"])]);
    expect(arrows.map((way) => way.map(({ room }) => room))).toEqual([
      ["mid", "low"],
      ["side", "low"],
      ["top", "mid"],
    ]);
  });

  it("leads a long arrow past the floors between", () => {
    const { arrows } = layOut(
      graph({ top: ["mid", "low"], mid: ["base"], low: [], base: [] }),
    );
    expect(arrows.map((way) => way.map(({ room }) => room))).toContainEqual([
      "top",
      undefined,
      "low",
    ]);
  });
});
