// cluster.yaml -> ResolvedProject, or all the problems that it and the files it names have.
import { homedir } from "node:os";
import { dirname, resolve } from "node:path";
import { hasErrors, type Problem } from "../../report/problem.ts";
import { impliedAnswers, type ImpliedNodes } from "../implied-inventory.ts";
import { initTemplate } from "../init-template.ts";
import { loadEepromProblems } from "./load-eeprom.ts";
import { loadFragmentProblems } from "./load-fragments.ts";
import { loadInitAnswers } from "./load-init-answers.ts";
import { type KeysAt, loadAddonProblems, loadKeys } from "./load-keys.ts";
import {
  type AllowCommand,
  hidePasswordVariables,
  loadWifiPasswords,
  type Prompt,
} from "./load-wifi-passwords.ts";
import {
  loadSecretsAtHand,
  loadSecretsWithoutCommands,
  withoutSecrets,
} from "./load-stand-ins.ts";
import {
  clientKeyProblems,
  loadWifiCertificates,
} from "./load-wifi-certificates.ts";
import { loadText, type TextFile } from "./load-text.ts";
import { parseInventory } from "../parse-inventory.ts";
import { resolveInventory } from "../resolve.ts";
import type { ResolvedProject } from "../resolved.ts";
import { absolutePath, type PathOrigins } from "./paths.ts";
import { isBaseFile } from "../rules/system-rules.ts";

/** Keys whose value is a path, or may be one. */
const PATHS: Readonly<Record<string, (value: string) => boolean>> = {
  base: isBaseFile,
  eepromImage: () => true,
};

/** Absolute paths of all references `file:path`, and of bases that are files. */
const namedFiles = (
  part: unknown,
  places: PathOrigins,
  key = "",
): readonly string[] => {
  if (typeof part === "string") {
    const path = part.startsWith("file:")
      ? part.slice("file:".length)
      : PATHS[key]?.(part) === true
        ? part
        : undefined;
    return path === undefined ? [] : [absolutePath(path, places)];
  }
  return typeof part === "object" && part !== null
    ? Object.entries(part).flatMap(([name, value]) =>
        namedFiles(value, places, Array.isArray(part) ? key : name),
      )
    : [];
};

/** The most bytes that are read; a thousand nodes take a tenth of this. */
export const INVENTORY_LIMIT = 1024 * 1024;

export type SecretsWanted =
  "needed" | "without commands" | "unasked" | "at hand" | "unneeded";

export type LoadOptions = {
  /** As the user wrote it; messages show it like this. */
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home?: string | undefined;
  /** Asks for a password; without it, `prompt` references are problems. */
  readonly prompt?: Prompt | undefined;
  /** Without it, `exec` references are problems. */
  readonly allowCommand?: AllowCommand | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Which Wi-Fi passwords are fetched. "unneeded" fetches none, and using one is a bug then. "unasked" fetches those that
   * need neither a question nor a command; "at hand" does the same, and accepts that one is missing. "without commands"
   * fetches all but those that a command gives.
   */
  readonly secrets?: SecretsWanted | undefined;
  /** Finds the keys of `gh:NAME` and of addresses; without it, there are none. */
  readonly keysAt?: KeysAt | undefined;
  /** Where given, a missing file stands for what `init --yes` would write, with these nodes added. */
  readonly implied?: ImpliedNodes | undefined;
};

export type LoadedInventory = {
  /** Undefined if there are errors; mere warnings do not matter. */
  readonly project: ResolvedProject | undefined;
  readonly problems: readonly Problem[];
  /** Texts for code frames, without secrets. */
  readonly files: ReadonlyMap<string, string>;
  /** Absolute; the cluster's secrets live here. */
  readonly folder: string;
  /** Whether there was no file. */
  readonly implied: boolean;
  /** Absolute paths of the files that the inventory names: keys, passwords, bases, add-ons. */
  readonly named: readonly string[];
  /** Fingerprints under `trust:`, as they were written; empty where none are given or the inventory has errors. */
  readonly trust: readonly string[];
  /** What a run would do to get each password that was not at hand and is empty here; see `loadSecretsAtHand`. */
  readonly passwordsMissing: readonly string[];
};

export const unreadableInventory = (
  path: string,
  file: Extract<TextFile, { text: undefined }>,
): Problem => ({
  code: file.code,
  severity: "error",
  message: `the inventory ${path} cannot be used: ${file.reason}`,
  hint: file.missing
    ? "`pi-image init` writes one, or give the right path"
    : undefined,
});

/** Never throws for what is in the files; what it cannot read is a problem. Throws what `prompt` and `allowCommand` throw. */
export const loadInventory = async (
  options: LoadOptions,
): Promise<LoadedInventory> => {
  const home = options.home ?? homedir();
  const folder = dirname(resolve(options.path));
  const file = await loadText(options.path, INVENTORY_LIMIT);
  const implied =
    file.text === undefined && file.missing && options.implied !== undefined;
  if (file.text === undefined && !implied) {
    return {
      project: undefined,
      problems: [unreadableInventory(options.path, file)],
      files: new Map(),
      folder,
      implied: false,
      named: [],
      trust: [],
      passwordsMissing: [],
    };
  }
  const name = implied
    ? `${options.path} (as \`pi-image init --yes\` writes it)`
    : options.path;
  const text =
    file.text ??
    initTemplate(
      impliedAnswers(
        await loadInitAnswers(home),
        options.implied ?? { hosts: [], role: undefined },
      ),
    );

  const parsed = parseInventory(name, text);
  const result = {
    files: new Map([[name, parsed.shown]]),
    folder,
    implied,
    named: namedFiles(parsed.inventory, { folder, home }),
    trust: parsed.inventory?.trust ?? [],
    passwordsMissing: [],
  };
  if (parsed.broken) {
    return { ...result, project: undefined, problems: parsed.problems };
  }
  const { draft } = parsed;
  hidePasswordVariables(text, draft);
  const { keys, problems: keyProblems } = await loadKeys(
    draft,
    { folder, home },
    options.keysAt,
  );
  const { certificates, problems: certificateProblems } =
    await loadWifiCertificates(draft, { folder, home }, new Date());
  const known = [
    ...parsed.problems,
    ...certificateProblems,
    ...keyProblems,
    ...(await loadAddonProblems(draft, { folder, home })),
    ...(await loadFragmentProblems(draft, { folder, home })),
    ...(await loadEepromProblems(draft, { folder, home })),
  ];
  const loadWanted = async () => {
    const { env, prompt, allowCommand, signal } = options;
    const ask = !hasErrors(known);
    switch (options.secrets) {
      case "unneeded":
        return { secrets: withoutSecrets(draft), problems: [], missing: [] };
      case "at hand":
        return loadSecretsAtHand(draft, { folder, home, env, signal });
      case "without commands": {
        const sources = { folder, home, env, prompt, ask, signal };
        return loadSecretsWithoutCommands(draft, sources);
      }
      case "unasked": {
        const prompt = undefined;
        const sources = { folder, home, env, prompt, ask: false, signal };
        return loadSecretsWithoutCommands(draft, sources);
      }
      default: {
        const places = { folder, home, env, prompt, ask, signal };
        const loaded = await loadWifiPasswords(draft, {
          ...places,
          allowCommand,
        });
        return { ...loaded, missing: [] };
      }
    }
  };
  const { secrets, problems: secretProblems, missing } = await loadWanted();
  const problems = [
    ...known,
    ...secretProblems,
    ...(options.secrets === "unneeded"
      ? []
      : clientKeyProblems(draft, secrets, certificates)),
  ].map(parsed.redact);
  return {
    ...result,
    passwordsMissing: missing,
    problems,
    project:
      parsed.inventory === undefined || hasErrors(problems)
        ? undefined
        : resolveInventory(
            parsed.inventory,
            { keys, secrets, certificates },
            { folder, home },
          ),
  };
};
