#!/usr/bin/env node
// Gives away the rights of root before the program proper is loaded, where it was started through sudo, doas or pkexec.
import { isHelper } from "./commands/helper-mark.ts";
import { actFor } from "./system/privileges.ts";
import { askId } from "./system/start-program.ts";

try {
  if (actFor(process.env, askId) === undefined) {
    await import("./run-program.ts");
  } else if (isHelper()) {
    await (await import("./commands/device-helper.ts")).helpWithDevices();
  } else {
    await (await import("./commands/start-as-caller.ts")).startAsCaller();
  }
} catch (error) {
  const { explainFailure } = await import("./commands/explain-failure.ts");
  process.exitCode = explainFailure(error, undefined);
}
