// Tells the user why a command failed, and chooses the exit status.
import { cancelled } from "../report/cancelled.ts";
import { EXIT, type ExitCode } from "../report/exit-codes.ts";
import { UserError } from "../report/user-error.ts";
import { packageVersion } from "../system/package-files.ts";
import { withStateOf } from "./cancelled-state.ts";
import type { Context } from "./context.ts";
import { visible } from "../report/printable.ts";
import { errnoWords } from "../system/errno-words.ts";

/** The hidden name of a file in the making means nothing to the user. */
const finalName = (path: string): string =>
  path.replace(/(^|\/)\.([^/]+)\.\d+-[0-9a-f]{12}\.partial$/, "$1$2");

/** Any error of a system call, such as ENOTSUP: there are more codes than we have words for. */
const isFromSystem = (error: Error): boolean =>
  "syscall" in error && "errno" in error && "code" in error;

/** undefined for what may well be a bug. */
const explainSystemFailure = (error: unknown): UserError | undefined => {
  if (!(error instanceof Error) || !("code" in error)) {
    return undefined;
  }
  const words = errnoWords(error.code);
  if (words === undefined && !isFromSystem(error)) {
    return undefined;
  }
  const path =
    "path" in error && typeof error.path === "string"
      ? finalName(error.path)
      : "a file";
  return new UserError(
    "FILE_UNUSABLE",
    `${path === "" ? "a file without a name" : path} cannot be read or written: ${words?.why ?? `the system says ${String(error.code)}`}`,
    {
      facts: [error.message],
      hint:
        words?.hint ??
        "look at the kernel's messages (sudo dmesg), and run the command again",
      cause: error,
    },
  );
};

/** error[CODE]: message, facts, state and hint; see docs/errors.md for the codes. */
const renderUserError = (error: UserError): string => {
  const lines = [`error[${error.code}]: ${visible(error.message)}`];
  for (const fact of error.facts) {
    lines.push(`  ${visible(fact)}`);
  }
  if (error.state !== undefined) {
    lines.push(`state: ${visible(error.state)}`);
  }
  if (error.hint !== undefined) {
    lines.push(`hint: ${visible(error.hint)}`);
  }
  return lines.join("\n");
};

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
