// Finds files that somebody wrote for the library and that nothing can use: a name that is nearly right does nothing in silence.
import type { ResolvedNode } from "../../inventory/resolved.ts";
import { closest, listed } from "../../inventory/wording.ts";
import type { Problem } from "../../report/problem.ts";
import type { Library } from "./library.ts";
import { splitPlaceholders } from "./placeholder.ts";

/** The project's own files: paths in their folders. */
export type OwnFiles = {
  readonly profiles: readonly string[];
  readonly fragments: readonly string[];
  readonly networks: readonly string[];
};

/** Whether a path of a profile, with any values filled in, can become this one. */
const canBecome = (pattern: string, path: string): boolean => {
  const expression = splitPlaceholders(pattern)
    .map((part) =>
      "text" in part ? part.text.replaceAll(/[^\w/]/g, String.raw`\$&`) : ".+",
    )
    .join("");
  return new RegExp(`^${expression}$`).test(path);
};

const unused = (
  file: string,
  why: string,
  near: string | undefined,
  hint: string,
): Problem => ({
  code: "FILE_UNUSED",
  severity: "warning",
  message: `nothing uses ${file}: ${why}`,
  hint: near === undefined ? hint : `did you mean ${near}? Otherwise ${hint}`,
});

/**
 * @param known the names that profiles and network documents can have
 * @param nodes none where the inventory has errors
 */
export const unusedFiles = (
  own: OwnFiles,
  library: Library,
  known: {
    readonly profiles: readonly string[];
    readonly networks: readonly string[];
  },
  nodes: readonly Pick<ResolvedNode, "host">[],
): readonly Problem[] => {
  const asked = [
    ...[...library.profiles.values()].flatMap((profile) =>
      (profile?.fragments ?? []).map(({ value }) => value),
    ),
    ...nodes.flatMap(({ host }) => host.fragments),
  ];
  return [
    ...own.profiles
      .filter((path) => !known.profiles.includes(path))
      .map((path) =>
        unused(
          `profiles/${path}`,
          "there is no role of this name",
          closest(path, known.profiles),
          `remove it; a profile is one of ${listed(known.profiles, "or")}`,
        ),
      ),
    ...own.networks
      .filter((path) => !known.networks.includes(path))
      .map((path) =>
        unused(
          `cloud-init/network/${path}`,
          "pi-image has no network document of this name that it could replace",
          closest(path, known.networks),
          "remove it",
        ),
      ),
    ...own.fragments
      .filter((path) => !asked.some((pattern) => canBecome(pattern, path)))
      .map((path) =>
        unused(
          `cloud-init/fragments/${path}`,
          "no profile and no `fragments` of the inventory names it",
          undefined,
          `write fragments: [${path}] under defaults or at a node, or remove the file`,
        ),
      ),
  ];
};
