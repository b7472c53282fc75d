// Makes sure that results never replace what they are made from.
import { realpath, stat } from "node:fs/promises";
import { orAbsent } from "../../device/or-absent.ts";
import {
  lookAtSources,
  lostSource,
  type SourceFile,
} from "../../device/run-sources.ts";
import { UserError } from "../../report/user-error.ts";

/**
 * @param results paths of files that a run would write, replace or remove
 * @throws UserError TARGET_IS_SOURCE where one of them is a source of the run, by whatever name
 */
export const demandOtherFiles = async (
  results: readonly string[],
  sources: readonly SourceFile[],
): Promise<void> => {
  const known = await lookAtSources(sources);
  for (const result of results) {
    const stats = await orAbsent(stat(result, { bigint: true }));
    const path = await orAbsent(realpath(result));
    if (stats?.isFile() !== true || path === undefined) {
      continue;
    }
    const lost = await lostSource(stats, path, known);
    if (lost?.relation === "is") {
      throw new UserError(
        "TARGET_IS_SOURCE",
        `${result} would be replaced, and it is ${lost.what}${lost.path === result ? "" : `, ${lost.path}`}`,
        {
          state: "nothing was written",
          hint: "write the results to another folder with --out",
        },
      );
    }
  }
};
