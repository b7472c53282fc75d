// Files that a judge reads, gone after the tests.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";

/** A folder for the test file that calls this at its top, and how a file is written below it. */
export const judgedFiles = () => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-judges-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  return {
    folder,
    /** Gives the full path; netplan wants its files private. */
    file: (path: string, text: string): string => {
      const full = join(folder, path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, text, { mode: 0o600 });
      return full;
    },
  };
};
