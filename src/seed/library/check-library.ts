// Finds what does not fit between the files of the library, whether a node uses them or not.
import { closest, listed } from "../../inventory/wording.ts";
import type { Problem } from "../../report/problem.ts";
import type { Library } from "./library.ts";
import { splitPlaceholders } from "./placeholder.ts";
import type { TextTree } from "./tree.ts";

export const checkLibrary = ({ profiles, fragments }: Library): Problem[] =>
  [...profiles.values()].flatMap((profile) =>
    (profile?.fragments ?? [])
      .filter(
        ({ value }) =>
          splitPlaceholders(value).every((part) => "text" in part) &&
          !fragments.has(value),
      )
      .map((path) => missingFragment(path, path.value, fragments.keys())),
  );

/** `path` is where the profile asks for it, `filled` the path with its values. */
export const missingFragment = (
  path: TextTree,
  filled: string,
  known: Iterable<string>,
): Problem => {
  const folder = filled.slice(0, filled.lastIndexOf("/") + 1);
  const all = [...known];
  const beside = all.filter((name) => name.startsWith(folder));
  const near = closest(filled, all);
  return {
    code: "FRAGMENT_MISSING",
    severity: "error",
    message: `there is no fragment ${filled}`,
    at: path.at,
    label: near === undefined ? undefined : `did you mean ${near}?`,
    hint: `there are ${listed(beside.length > 0 ? beside : all)} under cloud-init/fragments/`,
  };
};
