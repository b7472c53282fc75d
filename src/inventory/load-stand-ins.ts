// Passwords for commands that do without some of them: what is not fetched is empty, or must not be looked at.
import type { Problem } from "../report/problem.ts";
import { secret, type Secret } from "../report/secret.ts";
import type { Draft } from "./draft.ts";
import {
  loadSecrets,
  neededSecrets,
  type SecretSources,
} from "./load-secrets.ts";

type WithStandIns = {
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly problems: readonly Problem[];
  /** Whether an empty password stands in for one. */
  readonly missing: boolean;
};

const withStandIns = (
  draft: Draft,
  secrets: ReadonlyMap<string, Secret>,
): Pick<WithStandIns, "secrets" | "missing"> => {
  const wanted = neededSecrets(draft).map(({ name }) => name);
  return {
    secrets: new Map(
      wanted.map((name) => [name, secrets.get(name) ?? secret("")]),
    ),
    missing: wanted.some((name) => !secrets.has(name)),
  };
};

/**
 * The passwords that can be had without asking a person or running a command; an empty one stands in for each of the
 * others. A password that Wi-Fi cannot use is a problem all the same.
 */
export const loadSecretsAtHand = async (
  draft: Draft,
  sources: Omit<SecretSources, "ask" | "prompt" | "allowCommand">,
): Promise<WithStandIns> => {
  const { secrets, problems } = await loadSecrets(draft, {
    ...sources,
    prompt: undefined,
    allowCommand: "never",
    ask: false,
  });
  return {
    ...withStandIns(draft, secrets),
    problems: problems.filter(
      ({ code }) =>
        code !== "SECRET_MISSING" && code !== "SECRET_FILE_UNREADABLE",
    ),
  };
};

/** As `loadSecrets`, with an empty password for each that a command would give: no command is run. */
export const loadSecretsWithoutCommands = async (
  draft: Draft,
  sources: Omit<SecretSources, "allowCommand">,
): Promise<WithStandIns> => {
  const { secrets, problems } = await loadSecrets(draft, {
    ...sources,
    allowCommand: "never",
  });
  return { ...withStandIns(draft, secrets), problems };
};

/** Stands in for every password in commands that need none; whoever looks at it anyway has a bug. */
export const withoutSecrets = (draft: Draft): ReadonlyMap<string, Secret> =>
  new Map(
    neededSecrets(draft).map(({ name }) => [
      name,
      {
        ...secret(""),
        reveal: () => {
          throw new Error(`the secret ${name} was not loaded`);
        },
      },
    ]),
  );
