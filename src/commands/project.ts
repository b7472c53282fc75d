// What the commands that read an inventory share: load it, show what is wrong, stop on errors.
import { basename } from "node:path";
import { type LoadedProject, loadProject } from "../project/load-project.ts";
import type { SecretsWanted } from "../inventory/load/load-inventory.ts";
import { ROLES, type ResolvedProject } from "../inventory/resolved.ts";
import { hasErrors, type Problem } from "../report/problem.ts";
import { UserError } from "../report/user-error.ts";
import { allowCommand, type CommandConsent } from "./allow-command.ts";
import type { Context } from "../terminal/context.ts";

export type ProjectArguments = {
  readonly inventory: string;
  readonly hosts?: readonly string[] | undefined;
  readonly role?: string | undefined;
  /** Whether no inventory means the one of `init --yes`. */
  readonly mayBeImplied: boolean;
  readonly secrets: SecretsWanted;
  /** For the commands of `exec:`; the default asks and remembers. */
  readonly consent?: CommandConsent | undefined;
};

/** Shows problems; throws PROJECT_HAS_PROBLEMS when one of them is an error. */
export const demandNoErrors = (
  context: Context,
  problems: readonly Problem[],
  files: ReadonlyMap<string, string>,
): void => {
  context.showProblems(problems, files);
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

/** The project without errors; its warnings are shown. */
export const openProject = async (
  context: Context,
  args: ProjectArguments,
): Promise<LoadedProject & { readonly project: ResolvedProject }> => {
  const role = ROLES.find((known) => known === args.role);
  const loaded = await loadProject({
    inventory: args.inventory,
    env: context.env,
    prompt: context.interactive
      ? (message) => context.ask({ message: `${message}:`, hidden: true })
      : undefined,
    allowCommand: allowCommand(context, args.inventory, args.consent),
    signal: context.signal,
    implied: args.mayBeImplied ? { hosts: args.hosts ?? [], role } : undefined,
    secrets: args.secrets,
  });
  demandNoErrors(context, loaded.problems, loaded.files);
  const { project } = loaded;
  if (project === undefined) {
    throw new Error("the inventory has no errors and no project either");
  }
  if (loaded.implied) {
    context.remark(
      `There is no ${args.inventory}: taking the values that \`pi-image init --yes\` would write.`,
    );
  }
  return { ...loaded, project };
};
