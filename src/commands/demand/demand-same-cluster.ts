// Refuses to make another cluster in place of one that cards were built for.
import { join, relative } from "node:path";
import { loadReceipt } from "../../flash/receipt-store.ts";
import { mayHaveEntry } from "../../kubernetes/kubeconfig-yaml.ts";
import { accessName } from "../../kubernetes/render-kubeconfig.ts";
import type { PreparedSeeds } from "../../project/prepare-seeds.ts";
import { UserError } from "../../report/user-error.ts";
import { listIfThere, readIfThere } from "../../system/read-if-there.ts";
import type { Context } from "../../terminal/context.ts";

const ADOPT =
  "take it from your backup; or fetch what it held from a control plane: pi-image secrets adopt NODE; or begin a new cluster, whose cards replace all of the old one: pi-image build --new-cluster";

const nodeOf = async (receipt: string): Promise<string | undefined> => {
  try {
    return (await loadReceipt(receipt)).node?.name;
  } catch (error) {
    if (error instanceof UserError && error.code === "RECEIPT_UNREADABLE") {
      return undefined;
    }
    throw error;
  }
};

/** What in the results folder tells of cards of this cluster; undefined where nothing does. */
const traceIn = async (
  out: string,
  { project }: PreparedSeeds,
): Promise<string | undefined> => {
  const kubeconfig = join(out, "kubeconfig");
  const text = await readIfThere(kubeconfig);
  if (mayHaveEntry(text?.toString("utf8") ?? "", accessName(project))) {
    return `${kubeconfig} opens a cluster of this name`;
  }
  const receipts = join(out, "receipts");
  const names = await listIfThere(receipts);
  for (const name of names.filter((file) => /^[^.].*\.json$/.test(file))) {
    const receipt = join(receipts, name);
    const flashed = await nodeOf(receipt);
    if (project.nodes.some((node) => node.name === flashed)) {
      return `${receipt} says that a card of ${flashed} was written`;
    }
  }
  return undefined;
};

const minorNumber = (minor: string): number => Number(minor.split(".")[1]);

/** https://kubernetes.io/releases/version-skew-policy/#kubelet */
const demandRunningMinor = (
  { project: { cluster }, nodes, runningMinor }: PreparedSeeds,
  lockFile: string,
): void => {
  const wanted = cluster.kubernetes.minor;
  if (
    runningMinor !== undefined &&
    minorNumber(wanted) > minorNumber(runningMinor) &&
    nodes.some(({ joins }) => joins)
  ) {
    throw new UserError(
      "KUBERNETES_TOO_NEW",
      `the cluster runs Kubernetes ${runningMinor}, and the inventory says ${wanted}: a node that is newer than its API server cannot join`,
      {
        facts: [`${lockFile} says what it ran when it was last seen`],
        hint: `upgrade the cluster with \`pi-image upgrade --to ${wanted}\`, or write kubernetes: "${runningMinor}" again; after an upgrade by hand \`pi-image watch\` notes what runs (docs/day-2.md)`,
        state: "nothing was written",
      },
    );
  }
};

/**
 * A cluster is its authorities. New ones, in place of those that are lost, would make cards that never join the nodes that
 * run, and a kubeconfig that opens nothing.
 *
 * @throws UserError SECRETS_LOST
 */
export const demandSameCluster = async (
  { cwd }: Context,
  prepared: PreparedSeeds,
  out: string,
): Promise<void> => {
  const { lockedAuthority, authorities, secretsExist, project } = prepared;
  const secretsFile = relative(cwd, prepared.secretsFile);
  const lockFile = relative(cwd, prepared.lockFile);
  const state = "nothing was written";
  if (secretsExist) {
    if (
      lockedAuthority !== undefined &&
      !authorities.includes(lockedAuthority)
    ) {
      throw new UserError(
        "SECRETS_LOST",
        `${secretsFile} has another authority than the one that cards were built for`,
        {
          facts: [
            `${lockFile} has ${lockedAuthority}`,
            `${secretsFile} has ${authorities.join(" and ")}`,
          ],
          hint: `take the file that belongs to the cluster from your backup; if the authorities were replaced on another computer, take the lockfile from there, too; if these secrets are a new cluster's, add --new-cluster to \`pi-image build\``,
          state,
        },
      );
    }
    demandRunningMinor(prepared, lockFile);
    return;
  }
  const trace =
    lockedAuthority === undefined
      ? await traceIn(out, prepared)
      : `${lockFile} names the authority that cards were built for`;
  if (trace !== undefined) {
    throw new UserError(
      "SECRETS_LOST",
      `cards were built for the cluster ${project.cluster.name}, but its secrets are not here: ${secretsFile} does not exist`,
      { facts: [trace], hint: ADOPT, state },
    );
  }
};
