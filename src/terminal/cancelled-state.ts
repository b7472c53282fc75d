// What a command that was stopped leaves behind, and what to do next.
import { cancelled } from "../report/cancelled.ts";
import { UserError } from "../report/user-error.ts";

type Ending = { readonly state: string; readonly hint?: string };

const AGAIN = "run the same command again";

const UNCHANGED: Ending = { state: "nothing was changed" };

/**
 * True at every moment of the command: files get their names when they are whole, and a run that was stopped removes the
 * unfinished ones. Where cards are written, each of them has its own error, with its own state.
 */
const ENDINGS: Readonly<Record<string, Ending>> = {
  init: { state: "no inventory was written", hint: AGAIN },
  build: {
    state: "what was finished is kept; no unfinished image is left",
    hint: AGAIN,
  },
  flash: { state: "no card was written", hint: AGAIN },
  release: {
    state:
      "the release is incomplete: images that were finished are kept, but there is no SHA256SUMS",
    hint: AGAIN,
  },
  verify: { state: "the card was only read", hint: AGAIN },
  devices: { state: "nothing was written" },
  base: {
    state: "what was downloaded so far is kept in the cache",
    hint: `${AGAIN}; a download goes on from there`,
  },
  bundle: {
    state:
      "what was downloaded so far is kept in the cache; each node has the bundle that it had, or all of the new one",
    hint: AGAIN,
  },
  watch: {
    state: "nothing was changed; the cluster goes on without being watched",
  },
  secrets: {
    state: "the secrets file is as it was, or has all that is new",
    hint: AGAIN,
  },
  kubeconfig: { state: "no kubeconfig was changed", hint: AGAIN },
  node: { state: "the inventory is as it was", hint: AGAIN },
};

/** What holds even when a step did not end in time, and was left where it was. */
const STUCK: Readonly<Record<string, Ending>> = {
  ...ENDINGS,
  flash: {
    state: "if a card was already being written, it does not boot",
    hint: AGAIN,
  },
  devices: { state: "what the test had changed may not be as it was" },
};

/** The error for a command whose last step did not end although it was told to. */
export const stuckCancel = (command: string): UserError => {
  const { message, code } = cancelled();
  return new UserError(code, message, STUCK[command] ?? UNCHANGED);
};

/** Adds the sentence of its command to a cancel that does not say what it leaves behind. */
export const withStateOf = (
  error: unknown,
  command: string | undefined,
): unknown => {
  if (
    !(error instanceof UserError) ||
    error.code !== "CANCELLED" ||
    error.state !== undefined
  ) {
    return error;
  }
  return new UserError(error.code, error.message, {
    ...(ENDINGS[command ?? ""] ?? UNCHANGED),
    facts: error.facts,
    cause: error.cause,
  });
};
