// pi-image kubeconfig: writes, prints or merges the administrator's kubeconfig.
import { join } from "node:path";
import { z } from "zod";
import { demandAdminCertificate } from "../cluster/admin-certificate.ts";
import {
  defaultKubeconfig,
  mergeIntoFile,
  type MergeResult,
  writeOwnKubeconfig,
} from "../cluster/kubeconfig-file.ts";
import {
  adminAccess,
  adminKubeconfig,
} from "../kubernetes/render-kubeconfig.ts";
import { UserError } from "../report/user-error.ts";
import { commandLine } from "../system/run/run-tool.ts";
import type { Context } from "../terminal/context.ts";
import { openCurrentSecrets } from "./current-secrets.ts";

const kubeconfigOptions = z.object({
  inventory: z.string(),
  identity: z.string().optional(),
  out: z.string(),
  merge: z.union([z.string(), z.literal(true)]).optional(),
  print: z.boolean().optional(),
});

const describeMerge = (result: MergeResult): string => {
  const { file, context: name } = result;
  const use = result.current
    ? `It is the current context: kubectl get nodes`
    : `To use it: ${commandLine("kubectl", ["--context", name, "get", "nodes"])}`;
  if (!result.changed) {
    return `${file} has the context ${name} already; nothing in it was changed.\n${use}`;
  }
  const backup =
    result.backup === undefined
      ? ""
      : `\nThe previous version of the file: ${result.backup}`;
  return `Put the cluster, the user and the context ${name} into ${file}; everything else in it is unchanged.${backup}\n${use}`;
};

export const kubeconfig = async (
  context: Context,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = kubeconfigOptions.parse(given);
  if (options.print === true && (context.json || options.merge !== undefined)) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `--print goes with neither --merge nor --json`,
      { hint: "run the command once for each", state: "nothing was written" },
    );
  }
  const { project, secrets } = await openCurrentSecrets(context, options);
  demandAdminCertificate(secrets, new Date());
  const access = adminAccess(project, secrets);
  if (options.print === true) {
    // The one place where a secret is printed: the user has asked for just that.
    process.stdout.write(adminKubeconfig(access).reveal());
    return;
  }
  if (options.merge === undefined) {
    const file = join(options.out, "kubeconfig");
    await writeOwnKubeconfig(file, adminKubeconfig(access), context.env);
    context.printJson({ type: "result", file, context: access.name });
    context.print(
      `Wrote ${file}. To use it: ${commandLine("kubectl", ["--kubeconfig", file, "get", "nodes"])}`,
    );
    return;
  }
  const result = await mergeIntoFile(
    options.merge === true ? defaultKubeconfig(context.env) : options.merge,
    access,
    new Date(),
    context.env,
  );
  context.printJson({ type: "result", ...result });
  context.print(describeMerge(result));
  if (result.closed) {
    context.report({
      type: "warning",
      message: `other users of this computer could read ${result.file}; it makes its reader the cluster's administrator, so now only its owner can (mode 0600)`,
    });
  }
};
