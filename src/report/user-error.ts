// Errors that are expected: each says what happened, what to do, and what state things are in.
import { ERROR_CODES, type ErrorCode } from "./error-codes.ts";
import type { ExitCode } from "./exit-codes.ts";

type ErrorDetails = {
  /** More lines of facts, printed indented below the message. */
  readonly facts?: readonly string[] | undefined;
  /** What to do now. */
  readonly hint?: string | undefined;
  /** What is on disk or on the card now. */
  readonly state?: string | undefined;
  readonly cause?: unknown;
};

/** An operation that cannot go on for a reason the user can act on. */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly code: ErrorCode;
  readonly facts: readonly string[];
  readonly hint: string | undefined;
  readonly state: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(
      message,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = code;
    this.facts = details.facts ?? [];
    this.hint = details.hint;
    this.state = details.state;
  }

  get exitCode(): ExitCode {
    return ERROR_CODES[this.code].exit;
  }
}

/** The same error with another sentence about the state things are in. */
export const withState = (error: UserError, state: string): UserError =>
  new UserError(error.code, error.message, {
    facts: error.facts,
    hint: error.hint,
    state,
    cause: error.cause,
  });
