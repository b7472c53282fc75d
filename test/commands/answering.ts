// A command's surroundings with somebody at the terminal who gives these answers, in this process.
import {
  type Context,
  createContext,
  type GlobalOptions,
} from "../../src/terminal/context.ts";

type Answered = {
  readonly context: Context;
  /** What was asked, in order. */
  readonly questions: string[];
  /** Records of `--json`, results and remarks for people. */
  readonly told: string[];
};

/** @param answer gives an answer to a question, or throws as a question does that was interrupted */
export const answering = (
  env: NodeJS.ProcessEnv,
  answer: (question: string) => string,
  options: GlobalOptions = {},
): Answered => {
  const questions: string[] = [];
  const told: string[] = [];
  const tell = (text: string): void => {
    told.push(text);
  };
  const context = createContext(options, new AbortController().signal, env);
  return {
    questions,
    told,
    context: {
      ...context,
      interactive: true,
      report: () => undefined,
      print: tell,
      remark: tell,
      printJson: (record) => tell(JSON.stringify(record)),
      complain: tell,
      showProblems: (problems) => {
        for (const { message, hint = "" } of problems) {
          tell(`${message}\n${hint}`);
        }
      },
      ask: async ({ message }) => {
        questions.push(message);
        return answer(message);
      },
    },
  };
};
