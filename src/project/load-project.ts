// Loads everything that people write: the inventory, the profiles and the fragments, with all their problems.
import { dirname } from "node:path";
import type { Report } from "../report/events.ts";
import type { LockedSshKeys } from "../supplies/lock.ts";
import { publishedKeys } from "../supplies/published-keys.ts";
import { packageVersion } from "../system/package-files.ts";
import { loadLock, lockPath } from "./lock-file.ts";
import type {
  AllowCommand,
  Prompt,
} from "../inventory/load/load-wifi-passwords.ts";
import type { ImpliedNodes } from "../inventory/implied-inventory.ts";
import {
  loadInventory,
  type SecretsWanted,
} from "../inventory/load/load-inventory.ts";
import type { ResolvedProject } from "../inventory/resolved.ts";
import type { Problem } from "../report/problem.ts";
import type { Library } from "../seed/library/library.ts";
import { loadLibrary } from "../seed/library/load-library.ts";

export type ProjectOptions = {
  /** The inventory's path as the user wrote it. */
  readonly inventory: string;
  readonly env: NodeJS.ProcessEnv;
  readonly prompt: Prompt | undefined;
  readonly allowCommand: AllowCommand | undefined;
  readonly signal: AbortSignal;
  /** Where given, a missing inventory stands for the one that `init --yes` would write. */
  readonly implied: ImpliedNodes | undefined;
  /** Which Wi-Fi passwords are looked up. */
  readonly secrets: SecretsWanted;
  /** Told of keys that changed; without it no server is asked for keys, and only recorded ones are known. */
  readonly report?: Report | undefined;
};

export type LoadedProject = {
  /** Undefined when the inventory has errors. */
  readonly project: ResolvedProject | undefined;
  readonly library: Library;
  readonly problems: readonly Problem[];
  /** Texts for code frames, by the names that problems use. */
  readonly files: ReadonlyMap<string, string>;
  /** The inventory's folder: the cluster's secrets and the user's own fragments are here. */
  readonly folder: string;
  readonly implied: boolean;
  /** Absolute paths of the files that the inventory names: keys, passwords, bases, add-ons. */
  readonly named: readonly string[];
  /** Fingerprints of the keys that must have signed the images; empty where the inventory names none. */
  readonly trust: readonly string[];
  /** See `LoadedInventory`. */
  readonly passwordsMissing: readonly string[];
  /** The keys of addresses, for the lockfile. */
  readonly sshKeys: readonly LockedSshKeys[];
};

/** Never throws for what is in the files. */
export const loadProject = async (
  options: ProjectOptions,
): Promise<LoadedProject> => {
  const { env, signal, report } = options;
  const lockFile = lockPath(dirname(options.inventory), options.inventory);
  const published = publishedKeys(
    () => loadLock(lockFile),
    lockFile,
    report && {
      env,
      signal,
      report,
      userAgent: `pi-image/${packageVersion()}`,
    },
  );
  const inventory = await loadInventory({
    path: options.inventory,
    env: options.env,
    prompt: options.prompt,
    allowCommand: options.allowCommand,
    signal: options.signal,
    secrets: options.secrets,
    implied: options.implied,
    keysAt: published.keysAt,
  });
  const library = await loadLibrary(inventory.folder);
  return {
    project: inventory.project,
    library: library.library,
    problems: [
      ...inventory.problems,
      ...library.problems,
      // Without its nodes it is not known what an inventory asks for.
      ...(inventory.project === undefined
        ? []
        : library.unused(inventory.project.nodes)),
    ],
    files: new Map([...inventory.files, ...library.sources]),
    folder: inventory.folder,
    implied: inventory.implied,
    named: inventory.named,
    trust: inventory.trust,
    passwordsMissing: inventory.passwordsMissing,
    sshKeys: published.found(),
  };
};
