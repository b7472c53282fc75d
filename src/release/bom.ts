// A bill of materials in CycloneDX 1.6: the same facts give the same bytes.
// https://cyclonedx.org/docs/1.6/json/
import { createHash } from "node:crypto";
import type { Component } from "./components.ts";

type Bom = {
  /** What the bill describes. */
  readonly subject: {
    readonly type: "firmware" | "application";
    readonly name: string;
    readonly version: string;
    readonly sha256: string | undefined;
  };
  readonly components: readonly Component[];
  /** The version of pi-image. */
  readonly version: string;
  /** Undefined for a bill that does not describe one build. */
  readonly time: Date | undefined;
};

const hashesOf = (sha256: string | undefined) =>
  sha256 === undefined ? {} : { hashes: [{ alg: "SHA-256", content: sha256 }] };

/**
 * A UUID of version 8, whose bits can be chosen freely: here they are a digest, so that the same content gives the same
 * UUID.
 */
const uuidOf = (text: string): string => {
  const digits = createHash("sha256").update(text).digest("hex");
  const variant = (
    (Number.parseInt(digits.slice(16, 17), 16) & 3) |
    8
  ).toString(16);
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(13, 16)}`,
    `${variant}${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ].join("-");
};

const entryOf = (component: Component, index: number) => ({
  type: component.type,
  "bom-ref": `component-${index + 1}`,
  name: component.name,
  ...(component.version === undefined ? {} : { version: component.version }),
  description: component.description,
  ...hashesOf(component.sha256),
  ...(component.purl === undefined ? {} : { purl: component.purl }),
});

export const renderBom = ({
  subject,
  components,
  version,
  time,
}: Bom): string => {
  const entries = components.map(entryOf);
  const body = {
    metadata: {
      ...(time === undefined ? {} : { timestamp: time.toISOString() }),
      tools: {
        components: [{ type: "application", name: "pi-image", version }],
      },
      component: {
        type: subject.type,
        "bom-ref": "subject",
        name: subject.name,
        version: subject.version,
        ...hashesOf(subject.sha256),
      },
    },
    components: entries,
    dependencies: [
      { ref: "subject", dependsOn: entries.map((entry) => entry["bom-ref"]) },
    ],
  };
  const bom = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(body))}`,
    version: 1,
    ...body,
  };
  return `${JSON.stringify(bom, undefined, 2)}\n`;
};
