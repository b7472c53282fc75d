// The project's own secrets, as far as this computer has them; a release is searched for them.
import { secretsFile } from "../project/opened-project.ts";
import { type LoadedProject, loadProject } from "../project/load-project.ts";
import type { ResolvedProject } from "../inventory/resolved.ts";
import { loadClusterSecrets } from "../kubernetes/secrets/load-cluster-secrets.ts";
import type { KnownSecret } from "../release/find-secrets.ts";
import {
  clusterSecretTexts,
  wifiSecretTexts,
} from "../release/project-secrets.ts";
import { UserError } from "../report/user-error.ts";
import { allowCommand, type CommandConsent } from "./allow-command.ts";
import type { Context } from "../terminal/context.ts";

/**
 * A CI job has neither the secrets file nor the passwords, and that is fine; a user who has them is told if they cannot be
 * compared.
 */
export const knownSecrets = async (
  context: Context,
  {
    folder,
    project,
  }: Pick<LoadedProject, "folder"> & { readonly project: ResolvedProject },
  inventory: string,
  consent: CommandConsent,
): Promise<readonly KnownSecret[]> => {
  const { env, signal } = context;
  const wifi = await loadProject({
    inventory,
    env,
    prompt: undefined,
    allowCommand: allowCommand(context, inventory, consent),
    signal,
    implied: undefined,
    secrets: "needed",
  });
  const known: KnownSecret[] =
    wifi.project === undefined ? [] : [...wifiSecretTexts(wifi.project)];
  if (wifi.problems.some(({ code }) => code === "SECRET_COMMAND_NOT_ALLOWED")) {
    context.report({
      type: "warning",
      message:
        "the images are not compared with the Wi-Fi password: the command that gives it is not allowed to run",
      hint: "run pi-image in a terminal, which asks once, or add --allow-exec",
    });
  }
  try {
    const kept = await loadClusterSecrets(secretsFile(folder, project), {
      env,
    });
    known.push(...(kept === undefined ? [] : clusterSecretTexts(kept.secrets)));
  } catch (error) {
    if (!(error instanceof UserError)) {
      throw error;
    }
    context.report({
      type: "warning",
      message: `the images are not compared with the cluster's secrets: ${error.message}`,
    });
  }
  return known;
};
