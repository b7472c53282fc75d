// What the commands that read an inventory share: load it, show what is wrong, stop on errors.
import { loadProject } from "../project/load-project.ts";
import {
  demandNoErrors,
  type OpenedProject,
} from "../project/opened-project.ts";
import type { SecretsWanted } from "../inventory/load/load-inventory.ts";
import { ROLES } from "../inventory/resolved.ts";
import { allowCommand, type CommandConsent } from "./allow-command.ts";
import type { Context } from "../terminal/context.ts";

export type ProjectArguments = {
  readonly inventory: string;
  readonly hosts?: readonly string[] | undefined;
  readonly role?: string | undefined;
  /** Whether a missing inventory stands for the one that `init --yes` would write. */
  readonly mayBeImplied: boolean;
  readonly secrets: SecretsWanted;
  /**
   * How to ask about commands that the inventory names with `exec:`; by default the user is asked and the answer remembered.
   */
  readonly consent?: CommandConsent | undefined;
};

/** Loads the project and shows its problems; throws if one of them is an error. */
export const openProject = async (
  context: Context,
  args: ProjectArguments,
): Promise<OpenedProject> => {
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
    // Who needs passwords makes something of them now, and needs the keys as well.
    report: args.secrets === "needed" ? context.report : undefined,
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
