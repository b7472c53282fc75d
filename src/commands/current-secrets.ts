// The stored secrets for commands that ask the cluster as its administrator: what ends soon is renewed, as it would be missed then.
import { webcrypto } from "node:crypto";
import { adminAccess } from "../kubernetes/render-kubeconfig.ts";
import { renewAdmin } from "../kubernetes/secrets/complete-cluster-secrets.ts";
import { changeKeptSecrets } from "../kubernetes/secrets/store-secrets.ts";
import { UserError } from "../report/user-error.ts";
import type { Context } from "../terminal/context.ts";
import { openSoundSecrets } from "./kept-secrets.ts";
import { renewKubeconfigs } from "./secrets/renew-kubeconfigs.ts";

/**
 * As `openSoundSecrets`. An administrator's certificate that ends within two months is made anew, in the secrets file and in the
 * kubeconfigs of this computer that have the cluster; where that is not possible it is told, and the old one is used.
 */
export const openCurrentSecrets = async (
  context: Context,
  args: Parameters<typeof openSoundSecrets>[1] & {
    /** The results folder, whose kubeconfig is ours. */
    readonly out: string;
  },
): ReturnType<typeof openSoundSecrets> => {
  const kept = await openSoundSecrets(context, args);
  const making = { now: new Date(), crypto: webcrypto };
  // The rotation gives it a new one itself.
  if (kept.secrets.rotation !== undefined) {
    return kept;
  }
  try {
    const { secrets, changes } = await changeKeptSecrets(
      kept.file,
      (existing) => renewAdmin(existing, making),
      {
        identityFile: args.identity,
        env: context.env,
        signal: context.signal,
      },
    );
    if (changes.length > 0) {
      for (const change of changes) {
        context.remark(change);
      }
      await renewKubeconfigs(
        context,
        adminAccess(kept.project, secrets),
        args.out,
      );
    }
    return { ...kept, secrets };
  } catch (error) {
    if (!(error instanceof UserError) || error.code === "CANCELLED") {
      throw error;
    }
    context.report({
      type: "warning",
      message: `the administrator's certificate ends soon and could not be renewed: ${error.message}`,
      hint: error.hint,
    });
    return kept;
  }
};
