// Where this machine's own apt configuration finds Debian.
import { tryTool } from "../../src/system/run/run-tool.ts";

/** Base URL without a trailing slash; undefined on other distributions. */
export const debianMirror = async (): Promise<string | undefined> => {
  const targets = await tryTool("apt-get", [
    "indextargets",
    "--format",
    "$(ORIGIN) $(REPO_URI)",
    "Created-By: Packages",
  ]);
  return targets.stdout
    .split("\n")
    .filter((line) => line.startsWith("Debian "))
    .map((line) => line.slice("Debian ".length).replace(/\/$/, ""))
    .find((uri) => uri.endsWith("/debian"));
};
