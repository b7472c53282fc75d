// Runs the command that the arguments name, and reports what is wrong with them.
import { type Command, CommanderError } from "commander";
import { createContext } from "./terminal/context.ts";
import { explainFailure } from "./terminal/explain-failure.ts";
import type { runApart } from "./terminal/run-apart.ts";
import { createProgram } from "./program.ts";
import { EXIT } from "./report/exit-codes.ts";
import { UserError } from "./report/user-error.ts";

/** Whether this is not an error but help, which commander has printed; that is also what a run without a command prints. */
const isHelp = ({ code, exitCode }: CommanderError): boolean =>
  exitCode === 0 || code.startsWith("commander.help");

/** Puts commander's message into our form; it looks like "error: unknown option '--hst'\n(Did you mean --host?)". */
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

/**
 * Drops the words that ask for help: with them commander prints its help even for an unknown command, without them it checks
 * the command.
 */
const withoutHelp = (program: Command, args: readonly string[]): string[] => {
  const words = args.filter((word) => !word.startsWith("-"));
  const [named] = words[0] === "help" ? words.slice(1) : words;
  const known = program.commands.map((one) => one.name());
  return named === undefined || known.includes(named)
    ? [...args]
    : args.filter(
        (word) =>
          !["--help", "-h"].includes(word) &&
          (word !== "help" || named === word),
      );
};

/**
 * Runs a command; a failure is printed and sets the exit status of the process.
 * @param args the command line without node and the script
 * @param stop see `createProgram`
 * @param apart see `createProgram`
 */
export const runArguments = async (
  args: readonly string[],
  stop: AbortController,
  apart: typeof runApart,
): Promise<void> => {
  const program = createProgram(stop, apart);
  try {
    await program.parseAsync(withoutHelp(program, args), { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError && isHelp(error)) {
      process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.wrongInput;
    } else if (error instanceof CommanderError) {
      const json = args.includes("--json");
      process.exitCode = explainFailure(
        usageError(error),
        createContext({ json }, stop.signal),
      );
    } else {
      process.exitCode = explainFailure(error, undefined);
    }
  }
};
