// A damaged inventory gives problems with their places, and never an exception or a long wait.
import { describe, expect, it } from "vitest";
import { parseInventory } from "../../src/inventory/parse-inventory.ts";
import { expectPrintable } from "./printable.ts";
import { fc } from "../support/seeded.ts";

const VALID = `cluster:
  name: homelab
  kubernetes: "1.36"
defaults:
  users: [{name: ana, sshKeys: [file:key.pub]}]
  wifi: {ssid: home, country: ES, password: env:WIFI}
nodes:
  - {name: cplane, role: control-plane, address: 192.168.1.50/24, gateway: 192.168.1.1}
  - name: worker1
    role: worker
    card: {serial: "0x1234abcd"}
`;

describe("damaged files", () => {
  it("give problems and never an exception", () => {
    const pieces = fc.oneof(
      fc.constantFrom(
        "\n",
        "  ",
        "\t",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "#",
        "'",
      ),
      fc.constantFrom("&a ", "*a", "!x ", "|", "---\n", "? ", "<<: ", '"', ","),
      fc.string({ unit: "binary", maxLength: 4 }),
    );
    const edit = fc.record({
      at: fc.nat(VALID.length),
      remove: fc.nat(12),
      insert: pieces,
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
        let text = VALID;
        for (const { at, remove, insert } of edits) {
          text = text.slice(0, at) + insert + text.slice(at + remove);
        }
        const { inventory, problems, shown } = parseInventory("c", text);
        expect(inventory !== undefined || problems.length > 0).toBe(true);
        expectPrintable(problems, "c", shown);
        for (const { at } of problems) {
          expect(at?.line).toBeGreaterThan(0);
          expect(at?.column).toBeGreaterThan(0);
          expect(at?.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 400 },
    );
  });

  it("show the first two hundred mistakes and count the others", () => {
    const extra = Array.from({ length: 250 }, (_, n) => `k${n}: 1\n`).join("");
    const { problems } = parseInventory("c", VALID + extra);
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)).toMatchObject({
      code: "TOO_MANY_MISTAKES",
      message: "50 more mistakes are not shown",
    });
  });

  it("cannot make the parser work for long or end the process", () => {
    const bombs = [
      "[".repeat(1_000_000),
      "{a: ".repeat(250_000),
      "- ".repeat(500_000),
      "? ".repeat(500_000),
      Array.from({ length: 1400 }, (_, n) => `${" ".repeat(n)}k:`).join("\n"),
      Array.from({ length: 100_000 }, (_, n) => `k${n}: 1`).join("\n"),
      `a: ${"&".repeat(900_000)}`,
      `${"a".repeat(900_000)}: 1`,
      `a: "${"x".repeat(900_000)}`,
      `cluster: {name: ${"-".repeat(900_000)}}`,
    ];
    for (const bomb of bombs) {
      const { problems, inventory } = parseInventory("c", bomb);
      expect(inventory).toBeUndefined();
      expect(problems).not.toEqual([]);
    }
  });
});
