// The repository's own lint rule, run by the real linter.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/folder.ts";

const RULE = "failures/named";

/** Each of these takes any failure for the one that was expected. */
const BAD = [
  "export const a = () => { try { return f(); } catch { return 2; } };",
  "export const a = () => { try { return f(); } catch (error) { return 2; } };",
  "export const a = () => p.catch(() => 0);",
  "export const a = () => p.catch((error: unknown) => 0);",
  "export const a = () => p.catch(async () => 0);",
  "export const a = () => p.catch(function () { return 0; });",
  "export const a = () => p.then((x) => x, () => 0);",
  "export const a = () => p.then((x) => x).catch(() => 0).finally(() => 1);",
];

const GOOD = [
  "export const a = () => { try { return f(); } catch (error) { return ifAbsent(error, 2); } };",
  "export const a = () => p.catch((error: unknown) => ifAbsent(error, 0));",
  "export const a = () => p.catch(isAbsent);",
  "export const a = () => p.then(() => 0).finally(() => 1);",
  "export const a = () => p.then(() => 0, isAbsent);",
];

test("a failure that is handled unseen is found", async () => {
  const folder = await temporaryFolder();
  writeFileSync(
    join(folder, "config.json"),
    JSON.stringify({
      jsPlugins: [resolve("lint/named-failures.js")],
      categories: { correctness: "off" },
      rules: { [RULE]: "error" },
    }),
  );
  const place = (kind: string, texts: readonly string[]) =>
    texts.map((text, index) => {
      const name = `${kind}${index}.ts`;
      writeFileSync(join(folder, name), `${text}\n`);
      return name;
    });
  const bad = place("bad", BAD);
  const good = place("good", GOOD);
  const { stdout } = spawnSync(
    resolve("node_modules/.bin/oxlint"),
    ["--config", "config.json", "--format", "json", ...bad, ...good],
    { cwd: folder, encoding: "utf8" },
  );
  const { diagnostics } = JSON.parse(stdout) as {
    readonly diagnostics: readonly { readonly filename: string }[];
  };
  expect(diagnostics.map(({ filename }) => filename).toSorted()).toEqual(bad);
});

test("the rule holds for all of src/", async () => {
  const { default: config } = (await import(
    pathToFileURL(resolve("oxlint.config.js")).href
  )) as { readonly default: { readonly overrides: readonly object[] } };
  expect(config.overrides).toContainEqual({
    files: ["src/**"],
    rules: { [RULE]: "error" },
  });
});
