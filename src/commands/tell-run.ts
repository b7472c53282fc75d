// What a command does that has seen the cluster run: a later build must know it.
import type { ClusterSecrets } from "../kubernetes/secrets/cluster-secrets.ts";
import { noteRun } from "../project/note-run.ts";
import { UserError } from "../report/user-error.ts";
import type { Context } from "../terminal/context.ts";

/** A lockfile that cannot be written is told, and the command goes on. */
export const tellRun = async (
  context: Context,
  folder: string,
  inventory: string,
  secrets: ClusterSecrets,
  kubernetes?: string,
): Promise<void> => {
  try {
    await noteRun(folder, inventory, secrets, new Date(), kubernetes);
  } catch (error) {
    if (!(error instanceof UserError)) {
      throw error;
    }
    context.report({
      type: "warning",
      message: `the lockfile does not say that the cluster runs: ${error.message}`,
      hint: "until it does, a new card of the first control plane begins a second cluster when no other control plane answers it",
    });
  }
};
