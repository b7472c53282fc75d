// What a node's settings are where nobody writes them is what the schema says of them.
import { expect, it } from "vitest";
import { clusterSchemaJson } from "../../src/inventory/schema/cluster-schema-json.ts";
import { completeSettings } from "../../src/inventory/settings.ts";

const descriptions = (): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  JSON.stringify(clusterSchemaJson(), (key, value: unknown) => {
    if (value !== null && typeof value === "object" && "description" in value) {
      found.set(key, String(value.description));
    }
    return value;
  });
  return found;
};

it("the schema tells each built-in value", () => {
  const settings = Object.entries(completeSettings({}, {}));
  expect(settings.length).toBeGreaterThan(5);
  const texts = descriptions();
  for (const [name, value] of settings) {
    expect(texts.get(name), name).toMatch(
      new RegExp(`Default: ${String(value)}[.,]`),
    );
  }
});

it("a node's own value wins, then that of defaults", () => {
  expect(
    completeSettings(
      { timezone: "Europe/Madrid", keepCard: false },
      { timezone: "Asia/Tokyo", keepCard: true, pcieGen: 3 },
    ),
  ).toMatchObject({
    timezone: "Europe/Madrid",
    keepCard: false,
    pcieGen: 3,
    locale: "C.UTF-8",
  });
});
