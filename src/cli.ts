#!/usr/bin/env node
// Gives up root's rights before the program proper is loaded, where it was started through sudo, doas or pkexec.
import { isHelper } from "./commands/rights/helper-mark.ts";
import { actFor } from "./system/run/privileges.ts";
import { askId } from "./system/run/start-program.ts";

try {
  if (actFor(process.env, askId) === undefined) {
    await import("./run-program.ts");
  } else if (isHelper()) {
    await (
      await import("./commands/rights/device-helper.ts")
    ).helpWithDevices();
  } else {
    await (
      await import("./commands/rights/start-as-caller.ts")
    ).startAsCaller();
  }
} catch (error) {
  const { explainFailure } = await import("./terminal/explain-failure.ts");
  process.exitCode = explainFailure(error, undefined);
}
