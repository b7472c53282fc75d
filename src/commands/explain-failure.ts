// Tells the user why a command failed, and chooses the exit status.
import { EXIT, type ExitCode } from "../report/exit-codes.ts";
import { renderUserError } from "../report/render-error.ts";
import { UserError } from "../report/user-error.ts";
import { packageVersion } from "../system/package-files.ts";
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

/** Node's own interfaces throw this when our signal stops them. */
const isAbort = (error: unknown): boolean =>
  error instanceof Error && error.name === "AbortError";

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

export const explainFailure = (
  error: unknown,
  context: Context | undefined,
): ExitCode => {
  const expected = isAbort(error)
    ? new UserError("CANCELLED", "the run was stopped")
    : (explainSystemFailure(error) ?? error);
  const complain = context?.complain ?? ((text: string) => console.error(text));
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
