import { describe, expect, it } from "vitest";
import { advisoryFindings } from "./advisories.ts";
import { licenceFindings } from "./licences.ts";

const lock = (packages: object) => ({
  packages: { "": { license: "Apache-2.0" }, ...packages },
});

describe("licenceFindings", () => {
  it("takes permissive licences, choices, and named exceptions", () => {
    expect(
      licenceFindings(
        lock({
          "node_modules/a": { license: "MIT" },
          "node_modules/b": { license: "(GPL-3.0 OR MIT)" },
          "node_modules/openpgp": { license: "LGPL-3.0+" },
          "node_modules/c": { license: "MPL-2.0", dev: true },
        }),
      ),
    ).toEqual([]);
  });

  it("names everything else", () => {
    expect(
      licenceFindings(
        lock({
          "node_modules/a": { license: "GPL-3.0" },
          "node_modules/x/node_modules/b": {},
          "node_modules/c": { license: "MPL-2.0" },
          "node_modules/d": { license: "LGPL-3.0+" },
          "node_modules/e": { license: "(MIT AND CC-BY-NC-4.0)" },
        }),
      ),
    ).toEqual([
      "a: GPL-3.0",
      "b: no licence",
      "c: MPL-2.0",
      "d: LGPL-3.0+",
      "e: (MIT AND CC-BY-NC-4.0)",
    ]);
  });
});

describe("advisoryFindings", () => {
  const report = JSON.stringify({
    auditReportVersion: 2,
    vulnerabilities: {
      a: { severity: "low", range: "<1" },
      b: { severity: "high", range: "<2" },
    },
  });

  it("names packages from the given severity on", () => {
    expect(advisoryFindings(report, "moderate")).toEqual(["b <2: high"]);
    expect(advisoryFindings(report, "low")).toHaveLength(2);
  });

  it("tells a registry that does not answer from one without findings", () => {
    expect(advisoryFindings('{"statusCode":405}', "low")).toBeUndefined();
    expect(advisoryFindings("", "low")).toBeUndefined();
    expect(
      advisoryFindings('{"auditReportVersion":2,"vulnerabilities":{}}', "low"),
    ).toEqual([]);
  });
});
