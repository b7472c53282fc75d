// Every code of an operation that failed, with its exit status and the sentence that docs/errors.md shows.
// A code is permanent once released.
import { EXIT, type ExitCode } from "./exit-codes.ts";

type ErrorInfo = { readonly exit: ExitCode; readonly about: string };

export const ERROR_CODES = {
  TOOL_MISSING: {
    exit: EXIT.failed,
    about: "A program that this step runs is not installed.",
  },
  TOOL_FAILED: {
    exit: EXIT.failed,
    about: "A program that this step ran ended with an error.",
  },
  CANCELLED: { exit: EXIT.cancelled, about: "The user stopped the run." },
  WRONG_ARGUMENTS: {
    exit: EXIT.wrongInput,
    about: "The command line does not say what to do.",
  },
  PROJECT_HAS_PROBLEMS: {
    exit: EXIT.wrongInput,
    about: "The inventory, a profile or a fragment has problems.",
  },
} as const satisfies Record<string, ErrorInfo>;

export type ErrorCode = keyof typeof ERROR_CODES;
