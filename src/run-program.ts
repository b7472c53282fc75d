// Runs the command line in this process: handles its signals and streams, and what is left to do at its end.
import "./system/run/early-signals.ts";
import { explainFailure } from "./terminal/explain-failure.ts";
import { watchOutputs } from "./terminal/output-streams.ts";
import { followParent, runApart } from "./terminal/run-apart.ts";
import { endOnSignals, leaveTerminal } from "./terminal/run-command.ts";
import { runArguments } from "./run-arguments.ts";
import { removeTemporaries } from "./system/atomic-file.ts";
import { actFor, becomeCaller } from "./system/run/privileges.ts";
import { askId } from "./system/run/start-program.ts";

/** Aborted when the running command is to stop. */
const stop = new AbortController();

followParent(stop);
endOnSignals(stop, () => process.exit());
process.on("exit", () => {
  removeTemporaries();
  leaveTerminal();
});
watchOutputs();

try {
  // src/cli.ts has done this already, unless this file was started directly.
  actFor(process.env, askId);
  becomeCaller(process.env);
  await runArguments(process.argv.slice(2), stop, runApart);
} catch (error) {
  process.exitCode = explainFailure(error, undefined);
}
