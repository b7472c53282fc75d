// pi-image bundle push: sends the lockfile's bundle to running nodes.
import { stat } from "node:fs/promises";
import type { LockedBundle } from "../../bundle/locked-bundle.ts";
import type { OverSsh } from "../../cluster/over-ssh/run-as-root.ts";
import {
  lookForBundle,
  type SentBundle,
  sendBundle,
} from "../../cluster/over-ssh/send-bundle.ts";
import { withSshAccess } from "../../cluster/over-ssh/ssh-access.ts";
import type {
  ResolvedNode,
  ResolvedProject,
} from "../../inventory/resolved.ts";
import { selectNodes } from "../../inventory/select-nodes.ts";
import { listed } from "../../inventory/wording.ts";
import { cachePath } from "../../network/cache.ts";
import { lockName } from "../../project/lock-bases.ts";
import { formatBytes } from "../../report/amounts.ts";
import { ifAbsent } from "../../report/expected-failure.ts";
import { UserError } from "../../report/user-error.ts";
import type { Context } from "../../terminal/context.ts";
import type { KeptProject } from "../kept-secrets.ts";

const state = "nothing was sent";
const FETCH =
  "`pi-image bundle fetch` makes it, and records it in the lockfile";

type Push = readonly [node: string, bundle: SentBundle];

/** Throws WRONG_ARGUMENTS where none was made for this node as the inventory is now, BUNDLE_UNREACHABLE where it is gone. */
const bundleOf = async (
  context: Context,
  { cluster }: ResolvedProject,
  { name, base }: ResolvedNode,
  locked: readonly LockedBundle[],
): Promise<SentBundle> => {
  const found = locked.find((each) => each.base === lockName(base));
  if (found === undefined) {
    throw new UserError("WRONG_ARGUMENTS", `no bundle was made for ${name}`, {
      hint: FETCH,
      state,
    });
  }
  if (found.kubernetes !== cluster.kubernetes.patch) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `the bundle for ${name} is one of Kubernetes ${found.kubernetes}, and the inventory says ${cluster.kubernetes.patch}`,
      { hint: FETCH, state },
    );
  }
  const path = await cachePath(context.env, "archives", found.sha256);
  const bytes = await stat(path).then(
    ({ size }) => size,
    (error: unknown) => ifAbsent(error, undefined),
  );
  if (bytes === undefined) {
    throw new UserError(
      "BUNDLE_UNREACHABLE",
      `the bundle for ${found.base} is not in the cache`,
      { hint: "`pi-image bundle fetch` makes it again", state },
    );
  }
  return { path, bytes, sha256: found.sha256, index: found.index };
};

type Outcome = "had" | "sent" | "lacks" | { readonly because: string };

const pushTo = async (
  context: Context,
  [node, bundle]: Push,
  asked: OverSsh,
  dryRun: boolean,
): Promise<Outcome> => {
  const looked = await lookForBundle(node, bundle, asked);
  if (!looked.ok) {
    return looked;
  }
  if (looked.has === true) {
    return "had";
  }
  if (dryRun) {
    return "lacks";
  }
  const about = { phase: "send", subject: node, total: bundle.bytes };
  context.report({ ...about, type: "phase" });
  const answer = await sendBundle(node, bundle, asked, (done) => {
    context.report({ ...about, type: "progress", done });
  });
  return answer.ok ? "sent" : answer;
};

const tell = (
  context: Context,
  [node, { bytes, index }]: Push,
  outcome: Outcome,
): void => {
  const failed = typeof outcome === "object";
  context.printJson({
    type: "bundle-push",
    node,
    index,
    outcome: failed ? "failed" : outcome,
    ...(failed ? outcome : {}),
  });
  switch (outcome) {
    case "had":
      context.print(`${node} has it already.`);
      return;
    case "sent":
      context.print(`${node} has it now (${formatBytes(bytes)}).`);
      return;
    case "lacks":
      context.print(
        `${node} lacks it, and has room for ${formatBytes(bytes)}.`,
      );
      return;
    default:
      // Told with the others that failed.
      return;
  }
};

/**
 * @param names all nodes without any
 * @throws UserError WRONG_ARGUMENTS, BUNDLE_UNREACHABLE, BUNDLE_NOT_SENT
 */
export const pushBundles = async (
  context: Context,
  names: readonly string[],
  { project, secrets }: KeptProject,
  locked: readonly LockedBundle[],
  dryRun: boolean,
): Promise<void> => {
  const pushes: Push[] = [];
  for (const node of selectNodes(project, { hosts: names, role: undefined })) {
    pushes.push([node.name, await bundleOf(context, project, node, locked)]);
  }
  const failed: string[] = [];
  const have: string[] = [];
  await withSshAccess(project, secrets, async (sshConfig) => {
    const asked = { sshConfig, signal: context.signal };
    for (const push of pushes) {
      const outcome = await pushTo(context, push, asked, dryRun);
      tell(context, push, outcome);
      if (typeof outcome === "object") {
        failed.push(`${push[0]}: ${outcome.because}`);
      } else if (outcome !== "lacks") {
        have.push(push[0]);
      }
    }
  });
  if (failed.length > 0) {
    throw new UserError(
      "BUNDLE_NOT_SENT",
      `${failed.length === 1 ? "a node does" : `${failed.length} nodes do`} not have the bundle`,
      {
        facts: failed,
        state: `${have.length === 0 ? "" : `${listed(have)} ${have.length === 1 ? "has" : "have"} it; `}the others have the bundle that they had`,
        hint: "remove the cause, then run the same command again",
      },
    );
  }
};
