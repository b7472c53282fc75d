import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { clusterSchemaJson } from "../../src/inventory/schema/cluster-schema-json.ts";
import { defaultAnswers } from "../../src/inventory/implied-inventory.ts";
import { initTemplate } from "../../src/inventory/init-template.ts";
import { describeWithTools } from "../support/tools.ts";

const FILE = "profiles/cluster.schema.json";

type Node = {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly description?: string;
};

/** Every key below a schema that editors would show nothing for. */
const undescribed = (schema: Node, path: string): readonly string[] => [
  ...Object.entries(schema.properties ?? {}).flatMap(([key, value]) => [
    ...(value.description === undefined ? [`${path}.${key}`] : []),
    ...undescribed(value, `${path}.${key}`),
  ]),
  ...[schema.items ?? [], schema.anyOf ?? []]
    .flat()
    .flatMap((inner) => undescribed(inner, path)),
];

describe("the schema for editors", () => {
  it("is the one in the package", () => {
    expect(
      JSON.parse(readFileSync(FILE, "utf8")),
      `${FILE} is out of date: run \`npm run generate\``,
    ).toEqual(clusterSchemaJson());
  });

  it("describes every key", () => {
    expect(undescribed(clusterSchemaJson(), "")).toEqual([]);
    expect(undescribed({ properties: { a: {} } }, "")).toEqual([".a"]);
  });
});

/** cloud-init's package brings Python's jsonschema along. */
describeWithTools(["cloud-init", "python3"], "jsonschema as the judge", () => {
  const PROGRAM = `
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
jsonschema.Draft202012Validator(schema).validate(json.load(open(sys.argv[2])))
`;

  const judge = (schema: object, data: unknown): string => {
    const folder = mkdtempSync(join(tmpdir(), "pi-image-schema-"));
    try {
      writeFileSync(join(folder, "schema.json"), JSON.stringify(schema));
      writeFileSync(join(folder, "data.json"), JSON.stringify(data));
      const { status, stderr } = spawnSync(
        "/usr/bin/python3",
        ["-c", PROGRAM, "schema.json", "data.json"],
        { cwd: folder, encoding: "utf8" },
      );
      return status === 0 ? "valid" : stderr;
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  const written: unknown = parse(initTemplate(defaultAnswers("ana", [])));

  it("accepts the schema and the file that init writes", () => {
    expect(judge(clusterSchemaJson(), written)).toBe("valid");
  });

  it("refuses an unknown key, a wrong type and a broken schema", () => {
    expect(judge(clusterSchemaJson(), { ...Object(written), x: 1 })).toContain(
      "ValidationError",
    );
    expect(
      judge(clusterSchemaJson(), { cluster: { name: 1 }, nodes: [] }),
    ).toContain("ValidationError");
    expect(judge({ type: "nonsense" }, {})).toContain("SchemaError");
  });
});
