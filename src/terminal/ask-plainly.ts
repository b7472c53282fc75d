// Asks on a terminal that knows no escape sequences: the kernel echoes and edits what is typed, and a secret is read without an echo.
import { createInterface, emitKeypressEvents } from "node:readline";

type PlainQuestion = {
  readonly message: string;
  readonly hidden?: boolean | undefined;
  readonly fallback?: string | undefined;
};

type PlainTerminal = {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
};

type Key = {
  readonly name?: string;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
};

/** Named as the prompt library names it. */
const unanswered = (): Error =>
  Object.assign(new Error("the question was not answered"), {
    name: "AbortPromptError",
  });

const readLine = (
  { input, output }: PlainTerminal,
  signal: AbortSignal,
): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = createInterface({ input, terminal: false });
    const close = () => reader.close();
    signal.addEventListener("abort", close, { once: true });
    let answered = false;
    reader.once("line", (line) => {
      answered = true;
      resolve(line);
      close();
    });
    reader.once("close", () => {
      signal.removeEventListener("abort", close);
      if (!answered) {
        output.write("\n");
        reject(unanswered());
      }
    });
  });

/** Without readline: where TERM is dumb, it echoes, and takes a backspace for a character. */
const readSecret = (
  question: string,
  { input, output }: PlainTerminal,
  signal: AbortSignal,
): Promise<string> =>
  new Promise((resolve, reject) => {
    let typed: readonly string[] = [];
    const end = (settle: () => void) => {
      input.off("keypress", onKey);
      signal.removeEventListener("abort", stop);
      input.setRawMode(false).pause();
      output.write("\n");
      settle();
    };
    const stop = () => end(() => reject(unanswered()));
    const onKey = (text: string | undefined, key: Key) => {
      if (key.name === "return" || key.name === "enter") {
        end(() => resolve(typed.join("")));
      } else if (key.ctrl === true && key.name === "c") {
        stop();
      } else if (key.ctrl === true && key.name === "u") {
        typed = [];
      } else if (key.name === "backspace") {
        typed = typed.slice(0, -1);
      } else if (
        text !== undefined &&
        key.ctrl !== true &&
        key.meta !== true &&
        !/\p{Cc}/u.test(text)
      ) {
        typed = [...typed, text];
      }
    };
    emitKeypressEvents(input);
    // Done before the question is shown, so that an answer that comes at once is not echoed.
    input.setRawMode(true);
    output.write(question);
    input.on("keypress", onKey).resume();
    signal.addEventListener("abort", stop, { once: true });
  });

/** @throws Error AbortPromptError when `signal` stops it, and for Ctrl-C and Ctrl-D */
export const askPlainly = async (
  { message, hidden, fallback }: PlainQuestion,
  terminal: PlainTerminal,
  signal: AbortSignal,
): Promise<string> => {
  if (signal.aborted) {
    throw unanswered();
  }
  const question = `${message} ${fallback === undefined ? "" : `(${fallback}) `}`;
  if (hidden === true) {
    return readSecret(question, terminal, signal);
  }
  terminal.output.write(question);
  return readLine(terminal, signal);
};
