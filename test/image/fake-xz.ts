// A program named xz that does as it is told.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { testFolder } from "./archive-samples.ts";

/** Puts a program named xz in front of the real one. */
export const withFake = (script: string): void => {
  const folder = testFolder();
  writeFileSync(join(folder, "xz"), `#!/bin/sh\n${script}\n`, {
    mode: 0o755,
  });
  const path = process.env["PATH"];
  process.env["PATH"] = `${folder}:${path}`;
  onTestFinished(() => {
    process.env["PATH"] = path;
  });
};
