// Which tests start nothing and listen nowhere, found by what they import, so that a new one is in the right place by itself.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What starts programs, opens ports, or needs what the other tests prepare. */
const SLOW =
  /from "(node:child_process|node:https?|node:net|node:dgram|[^"]*\/run-tool\.ts|[^"]*\/support\/(tools|run-cli|kill-itself)\.ts)"|\binject\(|\bos-tools\b/;

/** They start programs through what they test, or take long. */
const ALSO_SLOW = [
  "supplies/",
  "network/cache.test.ts",
  "build/",
  "commands/",
  "sources/",
  "firmware/",
  "image/xz-",
  "inventory/hostile.test.ts",
  "inventory/load-inventory.test.ts",
];

/** Paths of the tests, as the configuration of vitest takes them. */
export const fastTests = (folder: string): readonly string[] => {
  const known = new Map<string, boolean>();
  const isFast = (path: string): boolean => {
    const before = known.get(path);
    if (before !== undefined) {
      return before;
    }
    // Of a circle, the other files decide.
    known.set(path, true);
    const text = readFileSync(path, "utf8");
    const imports = [...text.matchAll(/from "(\.[^"]+\.ts)"/g)]
      .map(([, name = ""]) => join(dirname(path), name))
      .filter((file) => file.startsWith(folder) && existsSync(file));
    const fast = !SLOW.test(text) && imports.every(isFast);
    known.set(path, fast);
    return fast;
  };
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.ts") && !path.startsWith("boot/"))
    .filter((path) => !ALSO_SLOW.some((start) => path.startsWith(start)))
    .filter((path) => isFast(join(folder, path)))
    .map((path) => `test/${path}`)
    .toSorted();
};
