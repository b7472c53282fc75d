// Gives the kubeconfigs on this computer that have the cluster its new access.
import { join, resolve } from "node:path";
import {
  kubeconfigsOf,
  mergeIntoFile,
  writeOwnKubeconfig,
} from "../../cluster/kubeconfig-file.ts";
import { mayHaveEntry } from "../../kubernetes/kubeconfig-yaml.ts";
import {
  type AdminAccess,
  adminKubeconfig,
} from "../../kubernetes/render-kubeconfig.ts";
import { UserError } from "../../report/user-error.ts";
import { readIfThere } from "../../system/read-if-there.ts";
import type { Context } from "../../terminal/context.ts";

/** A kubeconfig that cannot be changed is told and left: the cluster does not wait for it. */
export const renewKubeconfigs = async (
  context: Context,
  access: AdminAccess,
  out: string,
): Promise<void> => {
  const own = join(out, "kubeconfig");
  // As a path of the results folder, $KUBECONFIG is often absolute.
  const merged = new Set(
    kubeconfigsOf(context.env).filter((file) => resolve(file) !== resolve(own)),
  );
  const renew = async (
    file: string,
    write: () => Promise<unknown>,
  ): Promise<void> => {
    try {
      const bytes = await readIfThere(file);
      if (mayHaveEntry(bytes?.toString("utf8") ?? "", access.name)) {
        await write();
        context.remark(`Put the new access into ${file}.`);
      }
    } catch (error) {
      if (!(error instanceof UserError)) {
        throw error;
      }
      context.report({
        type: "warning",
        message: `${file} still has the old access: ${error.message}`,
        hint: "`pi-image kubeconfig` writes a new one",
      });
    }
  };
  await renew(own, () =>
    writeOwnKubeconfig(own, adminKubeconfig(access), context.env),
  );
  for (const file of merged) {
    await renew(file, () =>
      mergeIntoFile(file, access, new Date(), context.env),
    );
  }
};
