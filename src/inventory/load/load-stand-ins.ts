// Passwords for commands that can do without some of them: one that is not fetched is empty, or must not be looked at.
import type { Problem } from "../../report/problem.ts";
import { secret, type Secret } from "../../report/secret.ts";
import type { Draft } from "../draft.ts";
import {
  loadWifiPasswords,
  type Needed,
  neededSecrets,
  type SecretSources,
} from "./load-wifi-passwords.ts";

type WithStandIns = {
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly problems: readonly Problem[];
  /** For each password that is left empty, what a run would do to get it, as in "would run `pass show wifi`". */
  readonly missing: readonly string[];
};

const stepFor = ({ reference, ssid }: Needed): string => {
  switch (reference.from) {
    case "exec":
      return `run \`${reference.command}\``;
    case "prompt":
      return `ask for the password of the Wi-Fi network ${ssid}`;
    case "env":
      return `read the environment variable ${reference.name}`;
    case "file":
      return `read the file ${reference.path}`;
  }
};

const withStandIns = (
  draft: Draft,
  secrets: ReadonlyMap<string, Secret>,
): Pick<WithStandIns, "secrets" | "missing"> => {
  const wanted = neededSecrets(draft);
  return {
    secrets: new Map(
      wanted.map(({ name }) => [name, secrets.get(name) ?? secret("")]),
    ),
    missing: [
      ...new Set(wanted.filter(({ name }) => !secrets.has(name)).map(stepFor)),
    ],
  };
};

/**
 * The passwords that can be had without asking a person or running a command; the others are left empty. A password that
 * Wi-Fi cannot use is still a problem.
 */
export const loadSecretsAtHand = async (
  draft: Draft,
  sources: Omit<SecretSources, "ask" | "prompt" | "allowCommand">,
): Promise<WithStandIns> => {
  const { secrets, problems } = await loadWifiPasswords(draft, {
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

/** Like `loadSecrets`, but runs no command: a password that a command would give is left empty. */
export const loadSecretsWithoutCommands = async (
  draft: Draft,
  sources: Omit<SecretSources, "allowCommand">,
): Promise<WithStandIns> => {
  const { secrets, problems } = await loadWifiPasswords(draft, {
    ...sources,
    allowCommand: "never",
  });
  return { ...withStandIns(draft, secrets), problems };
};

/** Stands in for every password in commands that need none; using one of them is a bug. */
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
