// Tells the user why a command failed, and chooses the exit status.
import { cancelled } from "../report/cancelled.ts";
import { EXIT, type ExitCode } from "../report/exit-codes.ts";
import { renderUserError } from "./render-error.ts";
import { UserError } from "../report/user-error.ts";
import { packageVersion } from "../system/package-files.ts";
import { withStateOf } from "./cancelled-state.ts";
import type { Context } from "./context.ts";
import { explainSystemFailure } from "./system-failure.ts";

const describeBug = (error: unknown): string => {
  const trace =
    error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [
    trace,
    "",
    "This is a bug in pi-image. Please report it with the lines above and:",
    `  pi-image ${packageVersion()}, Node ${process.version}, ${process.platform} ${process.arch}`,
  ].join("\n");
};

/** As a record for programs and as lines for people. */
export const showUserError = (context: Context, error: UserError): void => {
  context.printJson({
    type: "error",
    code: error.code,
    message: error.message,
    facts: error.facts,
    state: error.state,
    hint: error.hint,
    exitCode: error.exitCode,
  });
  context.complain(renderUserError(error));
};

/** Once the run was stopped, whatever else fails is a consequence: a stream that closed early, a tool that was killed. */
const causeOf = (error: unknown, stopped: boolean): unknown =>
  stopped && !(error instanceof UserError && error.code === "CANCELLED")
    ? cancelled()
    : (explainSystemFailure(error) ?? error);

/** @param command its name, where one was running */
export const explainFailure = (
  error: unknown,
  context: Context | undefined,
  command?: string,
): ExitCode => {
  const expected = withStateOf(
    causeOf(error, context?.signal.aborted === true),
    command,
  );
  const complain =
    context?.complain ?? ((text: string) => process.stderr.write(`${text}\n`));
  if (!(expected instanceof UserError)) {
    complain(describeBug(expected));
    return EXIT.bug;
  }
  if (context === undefined) {
    complain(renderUserError(expected));
  } else {
    showUserError(context, expected);
  }
  return expected.exitCode;
};
