// Asks the person at the terminal one question, which stays visible while it is answered.
import { isatty, ReadStream } from "node:tty";
import type { Colors } from "picocolors/types.js";
import { visible } from "../report/printable.ts";
import { UserError } from "../report/user-error.ts";
import { askPlainly } from "./ask-plainly.ts";

export type Question = {
  /** One line; it may hold names from elsewhere. */
  readonly message: string;
  /** The answer is a secret: neither it nor its length is ever shown. */
  readonly hidden?: boolean | undefined;
  /** What an empty answer means; shown with the question. */
  readonly fallback?: string | undefined;
  /** What to say about the state of things when nobody answers; by default that nothing was written. */
  readonly state?: string | undefined;
};

export type QuestionTerminal = {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Without escape sequences. */
  readonly plain: boolean;
  readonly paint: Colors;
};

type Key = { readonly name?: string; readonly ctrl?: boolean };

const HIDDEN_NOTE = "(what you type is not shown)";

const askRichly = async (
  { message, hidden, fallback }: Question,
  { input, output, paint }: QuestionTerminal,
  signal: AbortSignal,
): Promise<string> => {
  const theme = {
    prefix: paint.cyan("?"),
    style: {
      message: paint.bold,
      answer: paint.cyan,
      defaultAnswer: (text: string) => paint.gray(`(${text})`),
      help: paint.gray,
      maskedText: HIDDEN_NOTE,
    },
  };
  if (hidden === true) {
    const { default: password } = await import("@inquirer/password");
    return password(
      // The library's Ctrl-T would show the secret.
      { message, mask: false, toggleMask: false, theme },
      { input, output, signal },
    );
  }
  const { default: ask } = await import("@inquirer/input");
  return ask({ message, default: fallback, theme }, { input, output, signal });
};

/** The library's names for Ctrl-C, for our signal, and ours for a question that cannot be answered any more. */
const UNANSWERED = new Set(["ExitPromptError", "AbortPromptError"]);

/** readline leaves the raw mode at the end of a question; at a terminal that is gone this fails where nobody can catch it. */
const askOnlyTerminals = (input: NodeJS.ReadStream): void => {
  if (input instanceof ReadStream) {
    input.setRawMode = (raw) =>
      isatty(process.stdin.fd)
        ? ReadStream.prototype.setRawMode.call(input, raw)
        : input;
  }
};

/**
 * @returns the answer; without white space around it unless it is hidden, where a blank may be part of the secret
 * @throws UserError CANCELLED for Ctrl-C, Ctrl-D, a terminal that goes away, and when `signal` stops the run
 */
export const askAtTerminal = async (
  question: Question,
  terminal: QuestionTerminal,
  signal: AbortSignal,
): Promise<string> => {
  const { input, plain } = terminal;
  const message = visible(question.message);
  const asked = {
    ...question,
    message: message,
    ...(question.hidden === true && plain
      ? { message: `${message} ${HIDDEN_NOTE}` }
      : {}),
  };
  const gone = new AbortController();
  const leave = () => gone.abort();
  // The library waits for ever when its input ends, whether by Ctrl-D or because the terminal was closed.
  const onKey = (_text: string | undefined, key: Key) => {
    if (key.ctrl === true && key.name === "d") {
      leave();
    }
  };
  input.on("keypress", onKey).once("end", leave).once("error", leave);
  askOnlyTerminals(input);
  const either = AbortSignal.any([signal, gone.signal]);
  try {
    const answer = await (plain
      ? askPlainly(asked, terminal, either)
      : askRichly(asked, terminal, either));
    return question.hidden === true
      ? answer
      : answer.trim() || (question.fallback ?? "");
  } catch (error) {
    if (error instanceof Error && UNANSWERED.has(error.name)) {
      throw new UserError("CANCELLED", "the question was not answered", {
        state: question.state ?? "nothing was written",
      });
    }
    throw error;
  } finally {
    input.off("keypress", onKey).off("end", leave).off("error", leave);
  }
};
