// Every program is started in one place, which decides about its rights.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";

const ELSEWHERE =
  /(?:from|import\(|require\()\s*"(?:node:)?(?:child_process|cluster)"|process\.binding/;

it("is the only file that knows node:child_process", () => {
  const folder = packageFile("src");
  const files = readdirSync(folder, {
    recursive: true,
    encoding: "utf8",
  }).filter(
    (path) =>
      path.endsWith(".ts") &&
      ELSEWHERE.test(readFileSync(join(folder, path), "utf8")),
  );
  expect(files).toEqual(["system/run/start-program.ts"]);
});
