// pi-image node revoke: makes the certificates of a lost node stop working.
import { z } from "zod";
import { type Exposed, exposedSecrets } from "../../cluster/exposed-secrets.ts";
import { refuseNode, removeNode } from "../../cluster/over-ssh/refuse-node.ts";
import type { NodeAnswer } from "../../cluster/over-ssh/run-as-root.ts";
import { withSshAccess } from "../../cluster/over-ssh/ssh-access.ts";
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { listed } from "../../inventory/wording.ts";
import { controlPlanes } from "../../kubernetes/addresses.ts";
import { authorizationText } from "../../kubernetes/api-server.ts";
import { demandKnownNode } from "../../kubernetes/revoke-node.ts";
import { revokeInSecrets } from "../../kubernetes/secrets/store-secrets.ts";
import { UserError } from "../../report/user-error.ts";
import type { Context } from "../../terminal/context.ts";
import { openSoundSecrets } from "../kept-secrets.ts";

const revokeOptions = z.object({
  inventory: z.string(),
  identity: z.string().optional(),
  yes: z.boolean().default(false),
});

/** The control planes that are to refuse the node; never the lost one itself. */
const planesBeside = (
  project: ResolvedProject,
  name: string,
): readonly string[] => {
  const planes = controlPlanes(project).map((plane) => plane.name);
  const others = planes.filter((plane) => plane !== name);
  if (others.length === 0) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `${name} is the only control plane: there is nobody to refuse it`,
      {
        hint: "its card holds the authorities of the cluster: move the secrets file away, then `pi-image build --new-cluster` and flash every card anew (docs/theft.md)",
        state: "nothing was changed",
      },
    );
  }
  return others;
};

const confirm = async (
  context: Context,
  name: string,
  yes: boolean,
): Promise<void> => {
  if (yes) {
    return;
  }
  const state = "nothing was changed";
  if (!context.interactive) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "there is no terminal to confirm on",
      { hint: `to revoke ${name} without being asked, add --yes`, state },
    );
  }
  // Not a remark, which --quiet would hide: nobody should answer without seeing what the question is about.
  context.complain(
    `${name} will be shut out of the cluster for good: its pods are deleted, its certificates are refused, and no other node can have its name.`,
  );
  const answer = await context.ask({
    message: `Type its name, ${name}, to confirm (anything else stops):`,
    state,
  });
  if (answer !== name) {
    throw new UserError("CANCELLED", `${name} was not confirmed`, { state });
  }
};

type Outcome = {
  readonly refusedBy: readonly string[];
  /** The control planes that do not refuse the node yet, each with the reason as the second half of a sentence. */
  readonly open: readonly (readonly [plane: string, because: string])[];
  /** Undefined where no control plane could be asked. */
  readonly removed: NodeAnswer | undefined;
};

/**
 * Changes one control plane after the other. The node is removed from the cluster last, because a node that is not refused
 * yet would come back.
 */
const shutOut = async (
  name: string,
  planes: readonly string[],
  authorization: string,
  asked: { readonly sshConfig: string; readonly signal: AbortSignal },
): Promise<Outcome> => {
  const refusedBy: string[] = [];
  const open: (readonly [string, string])[] = [];
  for (const plane of planes) {
    const answer = await refuseNode(plane, name, authorization, asked);
    if (answer.ok) {
      refusedBy.push(plane);
    } else {
      open.push([plane, answer.because]);
    }
  }
  const [first] = refusedBy;
  return {
    refusedBy,
    open,
    removed:
      first === undefined ? undefined : await removeNode(first, name, asked),
  };
};

const demandDone = (name: string, { refusedBy, open, removed }: Outcome) => {
  if (open.length === 0 && removed?.ok === true) {
    return;
  }
  const by = listed(refusedBy);
  throw new UserError(
    "NODE_NOT_REVOKED",
    refusedBy.length === 0
      ? `no control plane refuses ${name} yet`
      : open.length === 0
        ? `${by} refuses ${name}, which is still a node of the cluster`
        : `${listed(open.map(([plane]) => plane))} may still serve ${name}`,
    {
      facts: [
        ...open.map(([plane, because]) => `${plane}: ${because}`),
        ...(removed?.ok === false ? [`removing it: ${removed.because}`] : []),
      ],
      state: `the secrets file says that ${name} is revoked${refusedBy.length === 0 ? "" : `; refused by ${by}`}${removed?.ok === true ? "; its node and its pods are deleted" : ""}`,
      hint: "run the command again; it goes on where it stopped",
    },
  );
};

const wifiOf = (project: ResolvedProject, name: string): readonly string[] =>
  project.nodes
    .filter((node) => node.name === name)
    .flatMap(({ network }) =>
      network.wifi.map(({ ssid }) =>
        typeof ssid === "string" ? ssid : Buffer.from(ssid).toString("hex"),
      ),
    );

const tellExposed = (
  context: Context,
  node: string,
  exposed: Exposed | undefined,
  wifi: readonly string[],
): void => {
  context.printJson({ type: "exposed", node, ...exposed, wifi });
  const told: readonly (readonly [string, readonly string[]])[] = [
    [
      `${node} could read these Secrets; replace what they hold:`,
      exposed?.secrets ?? [],
    ],
    [
      "Its pods had the rights of these service accounts; their tokens end with the pods:",
      exposed?.serviceAccounts ?? [],
    ],
    ["It knows the passwords of these Wi-Fi networks:", wifi],
  ];
  for (const [title, items] of told) {
    if (items.length > 0) {
      context.print(
        [title, ...items.map((item) => `  ${item}`), ""].join("\n"),
      );
    }
  }
};

/** @throws UserError of the inventory and the secrets, WRONG_ARGUMENTS, CANCELLED, NODE_NOT_REVOKED */
export const nodeRevoke = async (
  context: Context,
  name: string,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = revokeOptions.parse(given);
  const { project, secrets, file } = await openSoundSecrets(context, options);
  demandKnownNode(secrets, project, name);
  const planes = planesBeside(project, name);
  const isPlane = controlPlanes(project).some((plane) => plane.name === name);
  await confirm(context, name, options.yes);
  const kept = await revokeInSecrets(file, name, {
    identityFile: options.identity,
    env: context.env,
    signal: context.signal,
  });
  kept.changes.forEach(context.remark);
  // The host keys that are left suffice: only that of the revoked node is gone, and it is not needed any more.
  const outcome = await withSshAccess(project, kept.secrets, (sshConfig) =>
    shutOut(name, planes, authorizationText(kept.secrets), {
      sshConfig,
      signal: context.signal,
    }),
  );
  const exposed =
    outcome.removed?.ok === true
      ? exposedSecrets(outcome.removed.stdout)
      : undefined;
  // Shown before any failure is reported, because another run would no longer find the node's pods.
  tellExposed(context, name, exposed, wifiOf(project, name));
  demandDone(name, outcome);
  context.printJson({ type: "result", node: name, refusedBy: planes });
  context.print(
    [
      `${name} is revoked: ${listed(planes)} refuse${planes.length === 1 ? "s" : ""} whatever it asks for, and its node and its pods are deleted.`,
      `Take it out of the inventory: pi-image node remove ${name}`,
    ].join("\n"),
  );
  if (isPlane) {
    context.report({
      type: "warning",
      message: `${name} was a control plane: its card holds the keys of the cluster's authorities, and whoever has it can make a certificate for anybody`,
      hint: `take it out of etcd and the inventory, pi-image node remove ${name}, then replace the authorities: pi-image secrets rotate --authority (docs/theft.md)`,
    });
  }
};
