// Reads the public SSH keys and finds the manifests that an inventory names.
import { access, constants } from "node:fs/promises";
import { ifSystem } from "../../report/expected-failure.ts";
import type { Problem } from "../../report/problem.ts";
import type { Draft } from "../draft.ts";
import { loadText } from "./load-text.ts";
import { absolutePath, type PathOrigins } from "./paths.ts";
import { parseKeyReference } from "../rules/references.ts";
import { nodesOf } from "../settings.ts";
import { looksPrivate, parsePublicKeys } from "../rules/ssh-keys.ts";
import type { RuleFinding } from "../rules/text-rule.ts";
import type { Path } from "../yaml/yaml-file.ts";

const FILE_LIMIT = 64 * 1024;

type KeyPlace = { readonly text: string; readonly path: Path };

/** Every entry of every `sshKeys`, even of lists that no node uses: a wrong path is reported in any case. */
const keyPlaces = (draft: Draft): readonly KeyPlace[] =>
  [
    { path: ["defaults"], users: draft.content.defaults?.users },
    ...nodesOf(draft).map(({ index, node }) => ({
      path: ["nodes", index],
      users: node.users,
    })),
  ].flatMap(({ path, users }) =>
    (users ?? []).flatMap((user, number) =>
      (user?.sshKeys ?? []).flatMap((text, key) =>
        text === undefined
          ? []
          : [{ text, path: [...path, "users", number, "sshKeys", key] }],
      ),
    ),
  );

/** `path` is shown as it was written. */
const keysInFile = async (
  path: string,
  places: PathOrigins,
): Promise<{ readonly keys: readonly string[] } | RuleFinding> => {
  const file = await loadText(absolutePath(path, places), FILE_LIMIT);
  if (file.text === undefined) {
    return {
      code: "KEY_FILE_UNREADABLE",
      message: `the key file ${path} cannot be used: ${file.reason}`,
      hint: file.missing
        ? "make a key with `ssh-keygen -t ed25519`, or correct the path; relative ones start at the inventory's folder"
        : "name the .pub file of your key",
    };
  }
  if (looksPrivate(file.text)) {
    return {
      code: "KEY_IS_PRIVATE",
      message: `${path} is a private key; nodes need the public one`,
      hint: `write file:${path}.pub`,
    };
  }
  const { keys, problem } = parsePublicKeys(file.text);
  return problem === undefined
    ? { keys }
    : {
        code: "KEY_INVALID",
        message: `${path} holds no public key that nodes accept: ${problem}`,
        hint: "name the .pub file that ssh-keygen wrote",
      };
};

/** Finds the keys that an address publishes. */
export type KeysAt = (
  url: string,
) => Promise<{ readonly keys: readonly string[] } | RuleFinding>;

/**
 * The keys that each entry leads to, by the entry's text.
 *
 * @param keysAt without it, addresses lead to no keys
 */
export const loadKeys = async (
  draft: Draft,
  places: PathOrigins,
  keysAt: KeysAt = () => Promise.resolve({ keys: [] }),
): Promise<{
  readonly keys: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly Problem[];
}> => {
  const keys = new Map<string, readonly string[]>();
  const problems: Problem[] = [];
  for (const { text, path } of keyPlaces(draft)) {
    const reference = parseKeyReference(text);
    const found =
      reference.from === "line"
        ? { keys: [reference.line.trim()] }
        : reference.from === "address"
          ? await keysAt(reference.url)
          : await keysInFile(reference.path, places);
    if ("keys" in found) {
      keys.set(text, found.keys);
    } else {
      problems.push({ ...found, severity: "error", at: draft.at(path) });
    }
  }
  return { keys, problems };
};

/** A problem for each add-on whose file is not there to be read. */
export const loadAddonProblems = async (
  draft: Draft,
  places: PathOrigins,
): Promise<readonly Problem[]> => {
  const problems: Problem[] = [];
  for (const [index, addon] of (
    draft.content.cluster?.addons ?? []
  ).entries()) {
    if (addon?.startsWith("file:") !== true) {
      continue;
    }
    const path = addon.slice("file:".length);
    try {
      await access(absolutePath(path, places), constants.R_OK);
    } catch (error) {
      const problem: Problem = {
        code: "ADDON_UNREADABLE",
        severity: "error",
        message: `the manifest ${path} cannot be read`,
        at: draft.at(["cluster", "addons", index]),
        hint: "relative paths start at the inventory's folder",
      };
      problems.push(ifSystem(error, problem));
    }
  }
  return problems;
};
