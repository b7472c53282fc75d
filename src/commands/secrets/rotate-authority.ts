// pi-image secrets rotate --authority: replaces the authorities of a running cluster.
import {
  demandWholeCluster,
  runRotation,
} from "../../cluster/over-ssh/run-rotation.ts";
import { withSshAccess } from "../../cluster/over-ssh/ssh-access.ts";
import { listed } from "../../inventory/wording.ts";
import { adminAccess } from "../../kubernetes/render-kubeconfig.ts";
import { demandNotRevoked } from "../../kubernetes/revoke-node.ts";
import {
  planRotation,
  type RotationPlan,
} from "../../kubernetes/rotation/plan-rotation.ts";
import {
  type RotationStep,
  trustedCas,
} from "../../kubernetes/secrets/cluster-secrets.ts";
import { UserError } from "../../report/user-error.ts";
import type { Context } from "../../terminal/context.ts";
import { openSoundSecrets } from "../kept-secrets.ts";
import { tellRun } from "../tell-run.ts";
import { renewKubeconfigs } from "./renew-kubeconfigs.ts";

export type AuthorityOptions = {
  readonly inventory: string;
  readonly identity?: string | undefined;
  readonly out: string;
  readonly encryptTo: readonly string[];
  readonly yes: boolean;
  readonly dryRun: boolean;
};

const DOES: Readonly<Record<RotationStep, string>> = {
  trust: "the new authorities are trusted beside the old ones",
  issue: "new certificates and keys, signed by the new authorities",
  retire: "the old authorities are forgotten",
};

const printPlan = (context: Context, plan: RotationPlan): void => {
  context.printJson({ type: "plan", plan });
  context.print(
    [
      plan.begun
        ? `The authorities of the cluster ${plan.cluster} are being replaced. What is left:`
        : `The authorities of the cluster ${plan.cluster} are replaced in three steps:`,
      ...plan.steps.flatMap(({ step, nodes }) => [
        `  ${step}: ${DOES[step]}`,
        `    ${nodes.length === 0 ? "every node has had its turn" : nodes.join(", then ")}`,
      ]),
    ].join("\n"),
  );
};

const confirm = async (
  context: Context,
  { cluster, begun, nodes }: RotationPlan,
): Promise<void> => {
  const state = begun ? "the rotation is where it was" : "nothing was changed";
  // Not a remark, which --quiet would hide: nobody should answer without seeing what the question is about.
  context.complain(
    [
      `${begun ? "The replacement of all authorities goes on" : "All authorities are replaced"}, on ${listed(nodes.map(({ name }) => name))}.`,
      "In each step the API servers and kubelets restart one after the other, and then every Deployment, DaemonSet and StatefulSet.",
      "Whatever has a copy of an old certificate, token or kubeconfig is shut out at the end.",
    ].join("\n"),
  );
  const answer = await context.ask({
    message: `Type the cluster's name, ${cluster}, to confirm (anything else stops):`,
    state,
  });
  if (answer !== cluster) {
    throw new UserError("CANCELLED", `${cluster} was not confirmed`, { state });
  }
};

const demandAnswerable = (
  { interactive }: Context,
  { yes }: AuthorityOptions,
): void => {
  if (!yes && !interactive) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "there is no terminal to confirm on",
      {
        hint: "to replace the authorities without being asked, add --yes",
        state: "nothing was changed",
      },
    );
  }
};

const tellForeign = (context: Context, planes: readonly string[]): void => {
  if (planes.length > 0) {
    context.report({
      type: "warning",
      message: `the key that encrypts Secrets is not replaced: encryption.yaml on ${listed(planes)} is not as pi-image wrote it`,
      hint: "replace it by hand: https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/#rotating-a-decryption-key",
    });
  }
};

const tellLeftPods = (
  context: Context,
  step: RotationStep,
  pods: readonly string[],
): void => {
  if (pods.length > 0) {
    context.report({
      type: "warning",
      message: `after the step ${step} these pods still run as they were started before it: ${pods.join(", ")}`,
      hint: "those that use the API lose it in the next step, and trust the old authority until they start anew: kubectl -n NAMESPACE delete pod NAME, and make again what no controller makes",
    });
  }
};

const tellTokens = (context: Context, tokens: readonly string[]): void => {
  if (tokens.length > 0) {
    context.report({
      type: "warning",
      message: `these Secrets got a new token, and the old one ends with the last step: ${tokens.join(", ")}`,
      hint: "give it to whatever has a copy of the old one",
    });
  }
};

const tellEnd = (
  context: Context,
  file: string,
  { cluster, nodes }: RotationPlan,
): void => {
  context.printJson({
    type: "result",
    file,
    nodes: nodes.map(({ name }) => name),
  });
  context.print(
    [
      `The cluster ${cluster} has new authorities, and no node trusts the old ones any more.`,
      `Images in the results folder and cards that have not joined are of no use now: pi-image build, then flash those cards again.`,
      "Copy the secrets file to your backup, and delete older copies. Copies of /etc/kubernetes/admin.conf on the nodes must be made again.",
    ].join("\n"),
  );
};

/**
 * @throws UserError of the inventory and the secrets, WRONG_ARGUMENTS, CANCELLED, NODE_REVOKED, AUTHORITY_NOT_ROTATED
 */
export const rotateAuthority = async (
  context: Context,
  options: AuthorityOptions,
): Promise<void> => {
  const { project, folder, secrets, file } = await openSoundSecrets(
    context,
    options,
  );
  demandNotRevoked(secrets, project);
  const plan = planRotation(project, secrets);
  if (options.dryRun) {
    printPlan(context, plan);
    return;
  }
  demandAnswerable(context, options);
  const { env, signal } = context;
  await withSshAccess(project, secrets, async (sshConfig) => {
    const asked = { sshConfig, signal };
    const foreign = await demandWholeCluster(plan, secrets, asked);
    tellForeign(context, plan.begun ? [] : foreign);
    if (!options.yes) {
      await confirm(context, plan);
    }
    await runRotation({
      project,
      plan,
      file,
      storing: {
        identityFile: options.identity,
        env,
        signal,
        encryptTo: options.encryptTo,
      },
      asked,
      keepEncryptionKey: foreign.length > 0,
      tell: (event) => {
        context.printJson({ ...event, type: `rotation-${event.type}` });
        if (event.type === "turn") {
          const { step, node, done } = event;
          context.remark(`${step}: ${node} (${done} of ${plan.nodes.length})`);
          return;
        }
        tellTokens(context, event.tokens);
        tellLeftPods(context, event.step, event.pods);
      },
      follow: async (now) => {
        await renewKubeconfigs(
          context,
          { ...adminAccess(project, now), former: trustedCas(secrets) },
          options.out,
        );
        // The note names the authority.
        await tellRun(context, folder, options.inventory, now);
      },
    });
  });
  tellEnd(context, file, plan);
};
