#!/usr/bin/env node
// Declares the commands; the only top-level catch and the only exit code.
import { Command } from "commander";
import { EXIT } from "./report/exit-codes.ts";
import { renderUserError } from "./report/render-error.ts";
import { UserError } from "./report/user-error.ts";
import { packageVersion } from "./system/package-files.ts";

const program = new Command("pi-image")
  .description("Builds, flashes and proves one image per Raspberry Pi.")
  .version(packageVersion());

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof UserError)) {
    throw error;
  }
  console.error(renderUserError(error));
  process.exitCode = error.exitCode;
}
process.exitCode ??= EXIT.done;
