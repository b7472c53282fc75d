// Runs the command of the command line; the only top-level catch and the only exit code.
import "./system/early-signals.ts";
import { CommanderError } from "commander";
import { createContext } from "./commands/context.ts";
import { explainFailure } from "./commands/explain-failure.ts";
import { watchOutputs } from "./commands/output-streams.ts";
import { followParent } from "./commands/run-apart.ts";
import { endOnSignals, leaveTerminal } from "./commands/run-command.ts";
import { program, stop } from "./program.ts";
import { EXIT } from "./report/exit-codes.ts";
import { UserError } from "./report/user-error.ts";
import { removeTemporaries } from "./system/atomic-file.ts";
import { actFor, becomeCaller } from "./system/privileges.ts";
import { askId } from "./system/start-program.ts";

/** commander has printed it; without a command that is what the user gets too. */
const isHelp = ({ code, exitCode }: CommanderError): boolean =>
  exitCode === 0 || code.startsWith("commander.help");

/** commander's words in our form: "error: unknown option '--hst'\n(Did you mean --host?)". */
const usageError = ({ message }: CommanderError): UserError => {
  const [what = "", meant] = message.split("\n");
  return new UserError("WRONG_ARGUMENTS", what.replace(/^error: |\.$/g, ""), {
    state: "nothing was written",
    hint:
      meant === undefined
        ? "`pi-image --help` lists the commands, and `pi-image COMMAND --help` the options of one"
        : meant.replace(/^\(Did you mean (.*)\?\)$/, "did you mean $1?"),
  });
};

followParent(stop);
endOnSignals(stop, () => process.exit());
process.on("exit", () => {
  removeTemporaries();
  leaveTerminal();
});
watchOutputs();

/** commander prints its help for an unknown command too; without these words it looks at the command. */
const withoutHelp = (argv: readonly string[]): string[] => {
  const words = argv.slice(2).filter((word) => !word.startsWith("-"));
  const [named] = words[0] === "help" ? words.slice(1) : words;
  const known = program.commands.map((one) => one.name());
  return named === undefined || known.includes(named)
    ? [...argv]
    : argv.filter(
        (word) =>
          !["--help", "-h"].includes(word) &&
          (word !== "help" || named === word),
      );
};

try {
  // src/main.ts has done it, unless somebody starts this file itself.
  actFor(process.env, askId);
  becomeCaller(process.env);
  await program.parseAsync(withoutHelp(process.argv));
} catch (error) {
  if (error instanceof CommanderError && isHelp(error)) {
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.wrongInput;
  } else if (error instanceof CommanderError) {
    const json = process.argv.includes("--json");
    process.exitCode = explainFailure(
      usageError(error),
      createContext({ json }, stop.signal),
    );
  } else {
    process.exitCode = explainFailure(error, undefined);
  }
}
