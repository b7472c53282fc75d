// npm run renew: takes newer releases into profiles/manifests.yaml and src/kubernetes/kube-vip.ts, and tells in Markdown what it took
// and which keys end soon.
// Ends with 1 where a key needs a person. .github/workflows/renew.yml makes a pull request of it.
import { readFile, writeFile } from "node:fs/promises";
import { packageFile } from "../../src/system/package-files.ts";
import { keyFindings } from "./keys.ts";
import { renewImages } from "./images.ts";
import { type Get, renewManifests } from "./manifests.ts";

const get: Get = async (url, headers = {}) => {
  const response = await fetch(url, {
    headers,
    signal: AbortSignal.timeout(60_000),
  });
  if (!response.ok) {
    throw new Error(`${url} answers ${response.status}`);
  }
  return Buffer.from(await response.arrayBuffer());
};

const load = (file: string): Promise<string> =>
  readFile(packageFile(`profiles/${file}`), "utf8");

const now = new Date();
const notes: string[] = [];
for (const [file, renew] of [
  ["profiles/manifests.yaml", renewManifests],
  ["src/kubernetes/kube-vip.ts", renewImages],
] as const) {
  const before = await readFile(packageFile(file), "utf8");
  const renewed = await renew(before, get, now);
  if (renewed.text !== before) {
    await writeFile(packageFile(file), renewed.text);
  }
  notes.push(...renewed.notes);
}
const findings = await keyFindings(
  await load("base-images.yaml"),
  load,
  get,
  now,
);
console.log(
  [
    notes.length === 0
      ? "No pinned manifest or container image has a newer release."
      : "Newer releases, with the checksums of what their makers serve now. Compare these with another source, read what each release changes, and try a first boot with each (`npm run test:boot`). CI does not start for a pull request of GitHub's own: close it and open it again.",
    notes.join("\n"),
    findings.length === 0 ? "" : `Keys to look at:\n\n${findings.join("\n")}`,
  ]
    .filter((part) => part !== "")
    .join("\n\n"),
);
process.exitCode = findings.length === 0 ? 0 : 1;
