// The data that the package carries, found from the sources and from dist/ alike.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A path inside the package: `profiles/...` or `cloud-init/...`. */
export const packageFile = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));

export const packageVersion = (): string => {
  const text = readFileSync(packageFile("package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
};
