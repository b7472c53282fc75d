// Whatever stands in a string of the inventory is refused or arrives exactly as written; nothing in between.
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parseInventory } from "../../src/inventory/parse-inventory.ts";
import { resolveInventory } from "../../src/inventory/resolve.ts";
import { secret } from "../../src/report/secret.ts";
import { FIELDS, type Field } from "./arriving-strings.ts";
import { expectPrintable, FORBIDDEN } from "./printable.ts";
import { fc } from "../support/seeded.ts";

const ED25519 =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOnpJv1RLwluXwBXcDwIVQEbxP4VRY8T1f4VY3zbO8TK";

const HOSTILE = [
  "",
  " ",
  "'",
  '"',
  "\\",
  "a'b\"c",
  "$(touch /tmp/owned)",
  "`touch /tmp/owned`",
  "${HOME}",
  "; reboot",
  "a\nb",
  "a\r\nb: c",
  "a\tb",
  "a\u0000b",
  "a\u0007b",
  "\u001b[2J",
  "a\u0085b",
  "a\u2028b",
  "a\u2029b",
  "\ud800",
  "\ufeffa",
  "‮dcba",
  "{{ v1.instance_id }}",
  "__proto__",
  "constructor",
  "../../etc/passwd",
  "- a",
  "a: b # c",
  "&a",
  "*a",
  "!tag",
  "|",
  "%YAML 1.1",
  "no",
  "null",
  "0x10",
  "1e3",
  "file:$(touch x)",
  "file:/etc/shadow\n",
  "https://a.example/$(reboot)",
  "https://a.example/'x'",
  "x".repeat(100_000),
  "a.".repeat(50_000),
  `${ED25519} $(reboot)`,
  `${ED25519}\n${ED25519}`,
  `command="reboot" ${ED25519}`,
];

/** The value that arrives, or undefined if there is a problem. */
const arrives = ({ set, get }: Field, value: string): string | undefined => {
  const { inventory, problems, shown } = parseInventory(
    "cluster.yaml",
    JSON.stringify(set(value)),
  );
  expectPrintable(problems, "cluster.yaml", shown);
  if (inventory === undefined) {
    expect(problems).not.toEqual([]);
    return undefined;
  }
  return get(
    resolveInventory(
      inventory,
      {
        keys: new Map([[value, [value.trim()]]]),
        secrets: new Map([["env:WIFI", secret("correct horse")]]),
      },
      { folder: "/", home: "/" },
    ),
  );
};

const check = (name: string, field: Field, value: string) => {
  const arrived = arrives(field, value);
  if (arrived === undefined) {
    return;
  }
  expect(arrived).not.toMatch(FORBIDDEN);
  const [, scheme = "", path = ""] = /^(file:)?(.*)$/s.exec(value) ?? [];
  // Paths become absolute, and nothing else changes.
  const isPath = ["cluster.addons", "node.base"].includes(name);
  const expected =
    isPath && arrived !== value ? `${scheme}${resolve("/", path)}` : value;
  expect([expected, expected.trim()], name).toContain(arrived);
};

describe("hostile strings", () => {
  it.each(Object.entries(FIELDS))(
    "are refused or kept in %s",
    (name, field) => {
      for (const value of HOSTILE) {
        check(name, field, value);
      }
    },
  );

  it.each(Object.entries(FIELDS))(
    "of any kind are refused or kept in %s",
    (name, field) => {
      fc.assert(
        fc.property(fc.string({ unit: "binary", maxLength: 40 }), (value) => {
          check(name, field, value);
        }),
        { numRuns: 30 },
      );
    },
  );

  it("arrive where they are harmless, so that the test above can fail", () => {
    const ssid = FIELDS["wifi.ssid"];
    const key = FIELDS["user.sshKeys"];
    if (ssid === undefined || key === undefined) {
      throw new Error("no such field");
    }
    for (const value of ["$(id) 'x' \"y\"", "‮dcba", "{{ a }}", "a: b # c"]) {
      expect(arrives(ssid, value)).toBe(value);
    }
    expect(arrives(key, `${ED25519} $(reboot)`)).toBe(`${ED25519} $(reboot)`);
    expect(arrives(key, `${ED25519}\n${ED25519}`)).toBeUndefined();
    expect(arrives(ssid, "a\u2028b")).toBeUndefined();
  });
});
