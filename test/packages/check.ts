// `npm run check:packages`: the licences of all packages, and the advisories about them where a registry answers.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { packageFile } from "../../src/system/package-files.ts";
import { advisoryFindings } from "./advisories.ts";
import { licenceFindings } from "./licences.ts";

const audit = (...args: readonly string[]): string =>
  spawnSync("npm", ["audit", "--json", ...args], {
    cwd: packageFile("."),
    encoding: "utf8",
  }).stdout;

const lock: unknown = JSON.parse(
  readFileSync(packageFile("package-lock.json"), "utf8"),
);
const findings = [...licenceFindings(lock)];

// What users get must be clean; a tool of ours only of what is grave.
const shipped = advisoryFindings(audit("--omit=dev"), "moderate");
const all =
  shipped === undefined ? undefined : advisoryFindings(audit(), "high");
if (shipped === undefined || all === undefined) {
  console.error(
    "NOT AUDITED: the registry gives no advisories here (npm audit). The licences were checked.",
  );
} else {
  findings.push(...new Set([...shipped, ...all]));
}
for (const finding of findings) {
  console.error(finding);
}
process.exitCode = findings.length === 0 ? 0 : 1;
