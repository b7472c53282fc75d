// Runs the command of the command line as a process: with its signals, its streams and what it leaves at its end.
import "./system/early-signals.ts";
import { explainFailure } from "./commands/explain-failure.ts";
import { watchOutputs } from "./commands/output-streams.ts";
import { followParent, runApart } from "./commands/run-apart.ts";
import { endOnSignals, leaveTerminal } from "./commands/run-command.ts";
import { runArguments } from "./run-arguments.ts";
import { removeTemporaries } from "./system/atomic-file.ts";
import { actFor, becomeCaller } from "./system/privileges.ts";
import { askId } from "./system/start-program.ts";

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
  // src/cli.ts has done it, unless somebody starts this file itself.
  actFor(process.env, askId);
  becomeCaller(process.env);
  await runArguments(process.argv.slice(2), stop, runApart);
} catch (error) {
  process.exitCode = explainFailure(error, undefined);
}
