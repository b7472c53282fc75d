// A temporary folder for each test, removed at its end.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export const temporaryFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "pi-image-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
};
