// pi-image secrets show|status|rotate: what the cluster's secrets are, where they live, and new join credentials.
import { webcrypto } from "node:crypto";
import { dirname, relative } from "node:path";
import { z } from "zod";
import { type PlainCopy, plainCopies } from "../../project/plain-copies.ts";
import { kubeconfigsOf } from "../../cluster/kubeconfig-file.ts";
import { listed } from "../../inventory/wording.ts";
import { selectNodes } from "../../inventory/select-nodes.ts";
import type { ClusterSecrets } from "../../kubernetes/secrets/cluster-secrets.ts";
import { secretsReport } from "../../kubernetes/secrets/secrets-report.ts";
import {
  joinsByIdentity,
  secretsWhereabouts,
} from "../../kubernetes/secrets/secrets-whereabouts.ts";
import {
  planRotation,
  type RotationPlan,
} from "../../kubernetes/rotation/plan-rotation.ts";
import { demandNoRotation } from "../../kubernetes/rotation/demand-no-rotation.ts";
import { rotateSecrets } from "../../kubernetes/secrets/store-secrets.ts";
import { day } from "../../report/day.ts";
import { visible } from "../../report/printable.ts";
import { UserError } from "../../report/user-error.ts";
import type { Context } from "../../terminal/context.ts";
import { tellWhatGitTracks } from "../../project/keep-out-of-git.ts";
import { openSecrets } from "../kept-secrets.ts";
import { tellOfCopies } from "../tell-of-copies.ts";
import { adopt } from "./adopt.ts";
import { rotateAuthority } from "./rotate-authority.ts";

const secretsOptions = z.object({
  inventory: z.string(),
  identity: z.string().optional(),
  out: z.string().default("out"),
  host: z.array(z.string()).default([]),
  encryptTo: z.array(z.string()).default([]),
  authority: z.boolean().default(false),
  yes: z.boolean().default(false),
  dryRun: z.boolean().default(false),
});

type SecretsOptions = z.infer<typeof secretsOptions>;

const table = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  return rows
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
};

const keptAs = (encryptedTo: readonly string[], encrypted: boolean): string =>
  encrypted
    ? `encrypted with age${encryptedTo.length === 0 ? "" : ` to ${encryptedTo.join(", ")}`}`
    : "not encrypted, readable only by you";

const show = async (
  context: Context,
  options: SecretsOptions,
): Promise<void> => {
  const kept = await openSecrets(context, options);
  const report = secretsReport(kept.secrets, kept.project, new Date());
  context.printJson({
    type: "secrets",
    file: kept.file,
    encrypted: kept.encrypted,
    encryptedTo: kept.encryptedTo,
    ...report,
  });
  context.print(
    [
      `${kept.file} (${keptAs(kept.encryptedTo, kept.encrypted)})`,
      `cluster ${report.cluster}`,
      "",
      table([
        ["WHAT", "PUBLIC PART", "UNTIL", "SECRET PART"],
        ...report.certificates.map(({ what, publicKeyHash, validTo }) => [
          what,
          `sha256:${publicKeyHash}`,
          day(validTo),
          "***",
        ]),
        [
          "service account key",
          `sha256:${report.serviceAccountKeyHash}`,
          "-",
          "***",
        ],
        ["bootstrap token", "-", "-", "***"],
        ...report.nodes.flatMap(({ node, hostKey, joinIdentity }) => [
          [`host key of ${node}`, hostKey, "-", "***"],
          [
            joinIdentity.what,
            `sha256:${joinIdentity.publicKeyHash}`,
            day(joinIdentity.validTo),
            "***",
          ],
        ]),
      ]),
    ].join("\n"),
  );
};

/** Finds the copies and also prints them as records. */
const findCopies = async (
  context: Context,
  {
    file,
    secrets,
  }: { readonly file: string; readonly secrets: ClusterSecrets },
  { out }: SecretsOptions,
): Promise<readonly PlainCopy[]> => {
  const copies = await plainCopies({
    secretsFile: file,
    secrets,
    out,
    kubeconfigs: kubeconfigsOf(context.env),
  });
  for (const copy of copies) {
    context.printJson({ type: "copy", ...copy });
  }
  return copies;
};

const listOfCopies = (
  { cwd }: Context,
  copies: readonly PlainCopy[],
): readonly string[] => [
  "In plain on this computer:",
  "",
  table([
    ["FILE", "HOLDS"],
    ...copies.map(({ path, holds }) => [
      visible(
        relative(cwd, path).startsWith("..") ? path : relative(cwd, path),
      ),
      holds,
    ]),
  ]),
];

const tellRotation = (
  context: Context,
  { rotation }: ClusterSecrets,
  plan: RotationPlan,
): void => {
  if (rotation === undefined) {
    return;
  }
  const { step, done } = rotation;
  context.printJson({
    type: "rotation",
    step,
    done,
    nodes: plan.nodes.map(({ name }) => name),
  });
  const left = plan.steps[0]?.nodes ?? [];
  context.report({
    type: "warning",
    message: `the authorities are being replaced, and ${left.length === 0 ? `the end of the step ${step} is not reached` : `${listed(left)} ${left.length === 1 ? "has" : "have"} not taken the step ${step}`}`,
    hint: "pi-image secrets rotate --authority goes on; no card can be built until it is finished",
  });
};

const status = async (
  context: Context,
  options: SecretsOptions,
): Promise<void> => {
  const kept = await openSecrets(context, options);
  const { secrets, project, file } = kept;
  const all = secretsWhereabouts(secrets, project, new Date());
  for (const row of all) {
    context.printJson({ type: "secret", file, ...row });
  }
  const copies = await findCopies(context, kept, options);
  context.print(
    [
      `All of these are in ${file}; some are also elsewhere:`,
      "",
      table([
        ["WHAT", "UNTIL", "STATE", "WHERE ELSE"],
        ...all.map(({ what, until, ends, state, where }) => [
          what,
          until === undefined ? (ends ?? "-") : day(until),
          state,
          where,
        ]),
      ]),
      "",
      ...(copies.length === 0
        ? [
            `In plain they are nowhere beside the secrets file, in ${options.out} and in kubectl's files.`,
          ]
        : listOfCopies(context, copies)),
    ].join("\n"),
  );
  await tellWhatGitTracks(context, { folder: dirname(file), out: options.out });
  tellRotation(context, secrets, planRotation(project, secrets));
  for (const { what, state, until, advice } of all) {
    if (advice !== undefined && until !== undefined) {
      context.report({
        type: "warning",
        message: `the ${what} ${state === "ended" ? "ended" : "ends"} on ${day(until)}`,
        hint: advice,
      });
    }
  }
};

const confirmRotate = async (
  context: Context,
  hosts: readonly string[],
): Promise<void> => {
  const state = "the secrets file is unchanged";
  context.complain(
    hosts.length === 0
      ? "Every join identity, the bootstrap token and the administrator's certificate are made again."
      : `The join identities of ${listed(hosts)} are made again.`,
  );
  const answer = await context.ask({
    message: "Renew them? Type yes to do it (anything else stops):",
    state,
  });
  if (answer.toLowerCase() !== "yes") {
    throw new UserError("CANCELLED", "you did not confirm it", { state });
  }
};

const rotate = async (
  context: Context,
  options: SecretsOptions,
): Promise<void> => {
  const { secrets, project, file } = await openSecrets(context, options);
  const hosts = [...new Set(options.host)];
  const chosen = selectNodes(project, { hosts, role: undefined });
  demandNoRotation(secrets);
  if (context.interactive && !options.yes) {
    await confirmRotate(context, hosts);
  }
  const { changes, encrypted } = await rotateSecrets(
    file,
    project,
    { now: new Date(), crypto: webcrypto },
    hosts,
    {
      identityFile: options.identity,
      env: context.env,
      signal: context.signal,
      encryptTo: options.encryptTo,
    },
  );
  // Which cards to flash again: a token lies on every card, a join identity only on cards that join with one.
  const flash = chosen
    .map(({ name }) => name)
    .filter(
      (name) =>
        (project.cluster.join.by === "token" && hosts.length === 0) ||
        joinsByIdentity(project, name),
    );
  // A user who encrypts the file believes that nothing is left to steal. Copies count even right after a renewal, as they
  // still give access.
  const copies = encrypted
    ? await findCopies(context, { file, secrets }, options)
    : [];
  tellOfCopies(context, file, copies, "on this computer");
  await tellWhatGitTracks(context, {
    folder: dirname(file),
    out: options.out,
  });
  context.printJson({ type: "result", file, encrypted, changes, flash });
  context.print(
    [
      ...changes,
      ...(copies.length === 0 ? [] : ["", ...listOfCopies(context, copies)]),
      "",
      "Nodes that have joined keep running.",
      ...(flash.length === 0
        ? []
        : [
            `Cards that have not joined yet must be flashed again: ${flash.join(", ")}.`,
            `  pi-image build${hosts.map((host) => ` --host ${host}`).join("")}`,
          ]),
      "Kubernetes cannot revoke a certificate: a card that was lost can join until its own identity ends.",
    ].join("\n"),
  );
};

export const secrets = async (
  context: Context,
  [action = "", node]: readonly (string | undefined)[],
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = secretsOptions.parse(given);
  if (action === "rotate" && options.authority) {
    if (options.host.length > 0) {
      throw new UserError(
        "WRONG_ARGUMENTS",
        "--authority replaces what all nodes have in common: it goes without --host",
        { state: "nothing was changed" },
      );
    }
    await rotateAuthority(context, options);
    return;
  }
  const misplaced = [
    ...(node === undefined || action === "adopt" ? [] : [node]),
    ...(options.authority ? ["--authority"] : []),
    ...(options.dryRun ? ["--dry-run"] : []),
    ...(action === "rotate"
      ? []
      : [
          ...(options.host.length > 0 ? ["--host"] : []),
          ...(options.encryptTo.length > 0 && action !== "adopt"
            ? ["--encrypt-to"]
            : []),
          ...(options.yes && action !== "adopt" ? ["--yes"] : []),
        ]),
  ];
  if (misplaced.length > 0) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      action === "rotate"
        ? "--dry-run goes with secrets rotate --authority"
        : `${listed(misplaced)} ${misplaced.length === 1 ? "goes" : "go"} with secrets rotate, not with secrets ${action}`,
      { state: "nothing was written" },
    );
  }
  switch (action) {
    case "rotate":
      return rotate(context, options);
    case "adopt":
      return adopt(context, node, options);
    case "show":
      return show(context, options);
    default:
      return status(context, options);
  }
};
