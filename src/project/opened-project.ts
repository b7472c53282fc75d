// A project whose inventory, profiles and fragments are free of errors, and what the work on it may use of the command line.
import { basename, join } from "node:path";
import type { ResolvedProject } from "../inventory/resolved.ts";
import type { Report } from "../report/events.ts";
import { hasErrors, type Problem } from "../report/problem.ts";
import { UserError } from "../report/user-error.ts";
import type { LoadedProject } from "./load-project.ts";
import { secretsPath } from "../kubernetes/secrets/load-cluster-secrets.ts";

/** Where the secrets of the inventory's cluster are kept. */
export const secretsFile = (folder: string, project: ResolvedProject): string =>
  secretsPath(join(folder, "cluster.yaml"), project.cluster.name);

export type OpenedProject = LoadedProject & {
  readonly project: ResolvedProject;
};

/** What a command passes on; code in this folder does not know how anything is shown. */
export type CommandSurroundings = {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly report: Report;
  /** Shows a remark to people. */
  readonly remark: (text: string) => void;
  /** Shows findings in the user's files; `files` has the files' texts. */
  readonly showProblems: (
    problems: readonly Problem[],
    files: ReadonlyMap<string, string>,
  ) => void;
};

/** Shows problems; throws PROJECT_HAS_PROBLEMS when one of them is an error. */
export const demandNoErrors = (
  { showProblems }: Pick<CommandSurroundings, "showProblems">,
  problems: readonly Problem[],
  files: ReadonlyMap<string, string>,
): void => {
  showProblems(problems, files);
  if (hasErrors(problems)) {
    const errors = problems.filter(({ severity }) => severity === "error");
    const places = [
      ...new Set(errors.map(({ at }) => at?.file).filter(Boolean)),
    ];
    throw new UserError(
      "PROJECT_HAS_PROBLEMS",
      `${errors.length === 1 ? "there is 1 error" : `there are ${errors.length} errors`}${
        places.length === 0
          ? ""
          : ` in ${places.map((file) => basename(file ?? "")).join(", ")}`
      }`,
      {
        state: "nothing was written",
        hint: "fix the problems above and run the command again; `pi-image check` finds them without building",
      },
    );
  }
};
