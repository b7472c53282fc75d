// Fetches the Wi-Fi passwords that the nodes need from where the inventory says they are.
import type { ProblemCode } from "../../report/problem-codes.ts";
import type { Problem } from "../../report/problem.ts";
import { secret, type Secret } from "../../report/secret.ts";
import { hideVariable } from "../../system/run/child-environment.ts";
import { tryTool } from "../../system/run/run-tool.ts";
import type { Draft, DraftWifi } from "../draft.ts";
import { loadText } from "./load-text.ts";
import { absolutePath, type PathOrigins } from "./paths.ts";
import {
  KEY_OF,
  KEY_PASSWORD_OF,
  parseSecretReference,
  secretName,
  type SecretReference,
} from "../rules/references.ts";
import type { Wifi } from "../resolved.ts";
import { nodesOf, settingOf } from "../settings.ts";
import type { RuleFinding } from "../rules/text-rule.ts";
import { networksOf, networkTitle } from "../wifi-networks.ts";
import { passwordFinding } from "../rules/wifi-rules.ts";
import type { Path } from "../yaml/yaml-file.ts";

const FILE_LIMIT = 64 * 1024;

/** Asks the person at the terminal without showing what is typed; undefined where nobody can be asked. */
export type Prompt = (question: string) => Promise<string | undefined>;

/**
 * Whether the user lets the inventory run this command. It may be somebody else's command, run with the user's rights, and
 * opening an inventory does not mean agreeing to that.
 */
export type AllowCommand = (command: string) => Promise<boolean>;

export type SecretSources = PathOrigins & {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly prompt: Prompt | undefined;
  /** "never" runs no command and reports no problem; undefined means that nobody can be asked, which is a problem. */
  readonly allowCommand: AllowCommand | "never" | undefined;
  /** Whether people may be asked and commands run; false when the file has errors already. */
  readonly ask: boolean;
  readonly signal: AbortSignal | undefined;
};

type Fetched = { readonly value: string } | RuleFinding | undefined;

const failure = (
  code: ProblemCode,
  message: string,
  hint: string,
): RuleFinding => ({ code, message, hint });

const trimEnd = (text: string): string => text.replace(/\r?\n$/, "");

const fromEnvironment = (name: string, env: SecretSources["env"]): Fetched => {
  const value = env[name];
  return value === undefined || value === ""
    ? failure(
        "SECRET_MISSING",
        `the environment variable ${name} is ${value === undefined ? "not set" : "empty"}`,
        // sudo drops the variable again, so telling the user only to set it would lead in a circle.
        (env["SUDO_USER"] ?? "") === ""
          ? `set it for this run: read -rs ${name} && export ${name}`
          : `sudo drops variables: set it, and run sudo --preserve-env=${name} pi-image ...`,
      )
    : { value };
};

/** `path` is shown as it was written. */
const fromFile = async (
  path: string,
  places: PathOrigins,
): Promise<Fetched> => {
  const file = await loadText(absolutePath(path, places), FILE_LIMIT);
  if (file.text === undefined) {
    return failure(
      "SECRET_FILE_UNREADABLE",
      `the secret's file ${path} cannot be used: ${file.reason}`,
      "relative paths start at the inventory's folder",
    );
  }
  const value = trimEnd(file.text);
  return value === ""
    ? failure(
        "SECRET_MISSING",
        `the secret's file ${path} is empty`,
        "write the password into it",
      )
    : { value };
};

const notAllowed = (): Fetched =>
  failure(
    "SECRET_COMMAND_NOT_ALLOWED",
    "this runs a command to get the password, and you have not allowed it yet",
    "look at the command; if it may run, start pi-image in a terminal, which asks once, or add --allow-exec",
  );

const fromCommand = async (
  command: string,
  sources: SecretSources,
): Promise<Fetched> => {
  const result = await tryTool("/bin/sh", ["-c", command], {
    cwd: sources.folder,
    signal: sources.signal,
    usersOwn: true,
  });
  const said = result.stderr.trim().split("\n").at(-1) ?? "";
  const failed = (how: string) =>
    failure(
      "SECRET_COMMAND_FAILED",
      `the command that gives the secret ${how}${said === "" ? "" : `: ${said}`}`,
      "run the command by hand in the inventory's folder; it must print the password and nothing else",
    );
  if (result.status !== 0) {
    return failed(`ended with status ${result.status}`);
  }
  const value = trimEnd(result.stdout);
  return value === "" ? failed("printed nothing") : { value };
};

const fromPerson = async (
  ssid: string,
  prompt: Prompt | undefined,
): Promise<Fetched> => {
  const value = await prompt?.(`Password of the Wi-Fi network ${ssid}`);
  return value === undefined || value === ""
    ? failure(
        "SECRET_MISSING",
        value === ""
          ? "no password was typed"
          : "the password must be typed, and there is no terminal to ask on",
        "run the command in a terminal, or write env:WIFI_PASSWORD",
      )
    : { value };
};

const fetchSecret = (
  reference: SecretReference,
  ssid: string,
  sources: SecretSources,
  allowed: ReadonlySet<string>,
): Promise<Fetched> | Fetched => {
  switch (reference.from) {
    case "env":
      return fromEnvironment(reference.name, sources.env);
    case "file":
      return fromFile(reference.path, sources);
    case "exec":
      return !sources.ask || sources.allowCommand === "never"
        ? undefined
        : allowed.has(reference.command)
          ? fromCommand(reference.command, sources)
          : notAllowed();
    case "prompt":
      return sources.ask ? fromPerson(ssid, sources.prompt) : undefined;
  }
};

export type Needed = {
  readonly name: string;
  readonly reference: SecretReference;
  readonly ssid: string;
  /** What it has to be: a network's password, or for an enterprise network a key or the key's password. */
  readonly use: Wifi["security"] | "key" | "key's password";
  readonly path: Path;
};

type Wanted = Pick<Needed, "use"> & {
  readonly text: string | undefined;
  /** Below the network. */
  readonly below: Path;
  /** Added to the network's name where the secret is kept. */
  readonly mark: string;
};

const secretsOf = ({
  password,
  security = "wpa2",
  eap,
}: DraftWifi): readonly Wanted[] => [
  { text: password, below: ["password"], use: security, mark: "" },
  {
    text: eap?.clientKey,
    below: ["eap", "clientKey"],
    use: "key",
    mark: KEY_OF,
  },
  {
    text: eap?.clientKeyPassword,
    below: ["eap", "clientKeyPassword"],
    use: "key's password",
    mark: KEY_PASSWORD_OF,
  },
];

/** Whether a key is one, and that of its certificate, is told where both are known (load-wifi-certificates.ts). */
const secretFinding = (
  value: string,
  use: Needed["use"],
): RuleFinding | undefined =>
  use === "key" || use === "key's password"
    ? undefined
    : passwordFinding(value, use);

/** The references of networks that some node really uses, each place once. */
export const neededSecrets = (draft: Draft): readonly Needed[] => {
  const needed = new Map<string, Needed>();
  for (const { index } of nodesOf(draft)) {
    const found = settingOf(draft, index, "wifi");
    for (const { network, path: below } of networksOf<DraftWifi>(
      found?.value,
    )) {
      const title = networkTitle(network);
      for (const { text, below: last, use, mark } of secretsOf(network)) {
        const reference =
          text === undefined ? undefined : parseSecretReference(text);
        if (
          found === undefined ||
          text === undefined ||
          title === undefined ||
          reference === undefined
        ) {
          continue;
        }
        const path = [...found.path, ...below, ...last];
        needed.set(path.join("."), {
          name: secretName(`${title}${mark}`, text),
          reference,
          ssid: `${title}${mark}`,
          use,
          path,
        });
      }
    }
  }
  return [...needed.values()];
};

/** The commands that may run. Each is asked about once, and all before the first one runs. */
const allowedCommands = async (
  needed: readonly Needed[],
  { ask, allowCommand }: SecretSources,
): Promise<ReadonlySet<string>> => {
  const allowed = new Set<string>();
  if (!ask || allowCommand === undefined || allowCommand === "never") {
    return allowed;
  }
  const wanted = needed.flatMap(({ reference }) =>
    reference.from === "exec" ? [reference.command] : [],
  );
  for (const command of new Set(wanted)) {
    if (await allowCommand(command)) {
      allowed.add(command);
    }
  }
  return allowed;
};

/**
 * Removes the passwords from the environment, whether or not this run needs them, so that no program started later sees
 * them.
 */
export const hidePasswordVariables = (text: string, draft: Draft): void => {
  for (const [, name = ""] of text.matchAll(/\benv:([A-Za-z_]\w*)/g)) {
    hideVariable(name);
  }
  for (const { reference } of neededSecrets(draft)) {
    if (reference.from === "env") {
      hideVariable(reference.name);
    }
  }
};

/**
 * Every password once, and a problem at each place whose reference leads to nothing that Wi-Fi can use. Throws what
 * `prompt` and `allowCommand` throw.
 */
export const loadWifiPasswords = async (
  draft: Draft,
  sources: SecretSources,
): Promise<{
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly problems: readonly Problem[];
}> => {
  const secrets = new Map<string, Secret>();
  const fetched = new Map<string, Fetched>();
  const problems: Problem[] = [];
  const needed = neededSecrets(draft);
  const allowed = await allowedCommands(needed, sources);
  for (const { name, reference, ssid, use, path } of needed) {
    if (!fetched.has(name)) {
      fetched.set(name, await fetchSecret(reference, ssid, sources, allowed));
    }
    const found = fetched.get(name);
    if (found === undefined) {
      continue;
    }
    const finding = "value" in found ? secretFinding(found.value, use) : found;
    if ("value" in found) {
      secrets.set(name, secret(found.value));
    }
    if (finding !== undefined) {
      problems.push({ ...finding, severity: "error", at: draft.at(path) });
    }
  }
  return { secrets, problems };
};
