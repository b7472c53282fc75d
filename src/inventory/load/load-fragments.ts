// Whether the fragments that an inventory asks for are there; what is in them is the library's business.
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { ifSystem } from "../../report/expected-failure.ts";
import type { Problem } from "../../report/problem.ts";
import { packageFile } from "../../system/package-files.ts";
import type { Draft } from "../draft.ts";
import { nodesOf } from "../settings.ts";
import type { PathOrigins } from "./paths.ts";

const FOLDER = "cloud-init/fragments";

const canRead = async (path: string): Promise<boolean> => {
  try {
    await access(path, constants.R_OK);
    return true;
  } catch (error) {
    return ifSystem(error, false);
  }
};

/** A problem for each fragment that is neither beside the inventory nor in the package. */
export const loadFragmentProblems = async (
  draft: Draft,
  { folder }: PathOrigins,
): Promise<readonly Problem[]> => {
  const lists = [
    { path: ["defaults"], list: draft.content.defaults?.fragments },
    ...nodesOf(draft).map(({ index, node }) => ({
      path: ["nodes", index],
      list: node.fragments,
    })),
  ];
  const problems: Problem[] = [];
  for (const { path, list } of lists) {
    for (const [number, fragment] of (list ?? []).entries()) {
      if (
        fragment === undefined ||
        (await canRead(join(folder, FOLDER, fragment))) ||
        (await canRead(join(packageFile(FOLDER), fragment)))
      ) {
        continue;
      }
      const misplaced = await canRead(join(folder, fragment));
      problems.push({
        code: "FRAGMENT_MISSING",
        severity: "error",
        message: `there is no fragment ${FOLDER}/${fragment} beside the inventory that can be read`,
        at: draft.at([...path, "fragments", number]),
        hint: misplaced
          ? `move ${fragment} to ${FOLDER}/${fragment}`
          : `write the file, with #cloud-config as its first line, or correct the path; it begins in ${FOLDER}/`,
      });
    }
  }
  return problems;
};
