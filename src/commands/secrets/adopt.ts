// pi-image secrets adopt NODE: makes a lost secrets file anew from a control plane that runs.
import { createHash, webcrypto } from "node:crypto";
import { dirname, join } from "node:path";
import {
  readAuthorities,
  readHostKey,
} from "../../cluster/over-ssh/adopt-node.ts";
import { askApi } from "../../cluster/api-client.ts";
import { parseNodeList } from "../../cluster/api-nodes.ts";
import { locateApi } from "../../cluster/reach-api-server.ts";
import type { OverSsh } from "../../cluster/over-ssh/run-as-root.ts";
import { withFirstSshAccess } from "../../cluster/over-ssh/ssh-access.ts";
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { listed } from "../../inventory/wording.ts";
import { controlPlanes } from "../../kubernetes/addresses.ts";
import { publicKeyHash } from "../../kubernetes/certificate.ts";
import {
  adoptSecrets,
  hostKeyIn,
} from "../../kubernetes/secrets/adopt-secrets.ts";
import type {
  ClusterSecrets,
  HostKey,
} from "../../kubernetes/secrets/cluster-secrets.ts";
import {
  demandNoSecretsFile,
  storeAdopted,
} from "../../kubernetes/secrets/store-secrets.ts";
import { keepOutOfGit } from "../../project/keep-out-of-git.ts";
import { loadLock, lockPath } from "../../project/lock-file.ts";
import { secretsFile } from "../../project/opened-project.ts";
import { UserError } from "../../report/user-error.ts";
import { readIfThere } from "../../system/read-if-there.ts";
import type { Context } from "../../terminal/context.ts";
import { openProject } from "../open-project.ts";

type AdoptOptions = {
  readonly inventory: string;
  readonly out: string;
  readonly encryptTo: readonly string[];
  readonly yes: boolean;
};

const state = "nothing was written";

const demandPlane = (
  project: ResolvedProject,
  node: string | undefined,
): string => {
  const planes = controlPlanes(project).map(({ name }) => name);
  if (node === undefined || !planes.includes(node)) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      node === undefined
        ? "secrets adopt needs the name of a control plane"
        : `${node} is no control plane of the inventory`,
      { hint: `one of these that runs: ${planes.join(", ")}`, state },
    );
  }
  return node;
};

const notAdopted = (
  message: string,
  hint: string,
  facts: readonly string[] = [],
) => new UserError("SECRETS_NOT_ADOPTED", message, { facts, hint, state });

/** As `ssh-keygen -l` shows it. */
const fingerprintOf = ({ publicKey }: HostKey): string =>
  `SHA256:${createHash("sha256")
    .update(Buffer.from(publicKey.split(" ")[1] ?? "", "base64"))
    .digest("base64")
    .replace(/=+$/, "")}`;

/** The host keys that the nodes have today, and the names of those that did not answer. */
const readHostKeys = async ({ nodes }: ResolvedProject, asked: OverSsh) => {
  const answers = await Promise.all(
    nodes.map(async ({ name }) => {
      const answer = await readHostKey(name, asked);
      return [name, answer.ok ? hostKeyIn(answer.files) : undefined] as const;
    }),
  );
  return {
    hostKeys: new Map(
      answers.flatMap(([name, key]) =>
        key === undefined ? [] : [[name, key]],
      ),
    ),
    silent: answers.flatMap(([name, key]) => (key === undefined ? [name] : [])),
  };
};

/** What runs must accept a certificate that was made with what was fetched. */
const demandProof = async (
  context: Context,
  project: ResolvedProject,
  secrets: ClusterSecrets,
): Promise<readonly string[]> => {
  const server = await locateApi(project, secrets);
  const unproven = (why: string): UserError =>
    notAdopted(
      "the running cluster does not prove what the control plane holds",
      "see whether the cluster works, then run the command again",
      [why],
    );
  if ("kind" in server) {
    throw unproven(server.message);
  }
  const { signal } = context;
  const answer = await askApi(server, "/api/v1/nodes", {
    signal,
    now: () => new Date(),
  });
  if (!answer.ok) {
    throw unproven(answer.failure.message);
  }
  const nodes = parseNodeList(answer.body);
  if (nodes === undefined) {
    throw unproven("its API server does not list its nodes");
  }
  return nodes.map(({ name }) => name);
};

/** Where nothing here knows the authority, only a person can say that the right machine answered. */
const confirm = async (
  context: Context,
  plane: string,
  hostKey: HostKey | undefined,
  { yes }: AdoptOptions,
): Promise<void> => {
  if (yes) {
    return;
  }
  if (!context.interactive) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "there is no terminal to confirm on",
      {
        hint: `nothing here knows ${plane}; to trust the machine that answers, add --yes`,
        state,
      },
    );
  }
  context.complain(
    [
      `Nothing here knows ${plane} any more. The machine that answered has this host key:`,
      `  ${hostKey === undefined ? "none of the kind that pi-image makes" : fingerprintOf(hostKey)}`,
      "On its own screen: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
    ].join("\n"),
  );
  const answer = await context.ask({
    message: "Is it the same? Type yes to trust it (anything else stops):",
    state,
  });
  if (answer.toLowerCase() !== "yes") {
    throw new UserError("CANCELLED", `${plane} was not confirmed`, { state });
  }
};

const tell = (
  context: Context,
  file: string,
  { nodes }: ResolvedProject,
  members: readonly string[],
  silent: readonly string[],
): void => {
  const strangers = members.filter((name) =>
    nodes.every((node) => node.name !== name),
  );
  if (silent.length > 0) {
    context.report({
      type: "warning",
      message: `${listed(silent)} did not answer, so ${silent.length === 1 ? "its host key is a new one" : "their host keys are new ones"}, which the running card does not have`,
      hint: "switch it on, move the secrets file away and adopt again; or flash its card anew",
    });
  }
  if (strangers.length > 0) {
    context.report({
      type: "warning",
      message: `the cluster has nodes that the inventory does not have: ${listed(strangers)}`,
      hint: "add them to the inventory with the roles and addresses that they have",
    });
  }
  context.printJson({ type: "result", file, members, newHostKeys: silent });
  context.print(
    [
      `Stored the secrets of the running cluster in ${file}; its API server accepts them.`,
      `Copy that file to your backup. Then: pi-image kubeconfig`,
      "Cards that are flashed from here on join as before; what was made with the lost file keeps working.",
    ].join("\n"),
  );
};

/** @throws UserError of the inventory, WRONG_ARGUMENTS, CANCELLED, SECRETS_NOT_ADOPTED, and those of the secrets file */
export const adopt = async (
  context: Context,
  node: string | undefined,
  options: AdoptOptions,
): Promise<void> => {
  const { env, signal } = context;
  const { project, folder } = await openProject(context, {
    inventory: options.inventory,
    mayBeImplied: false,
    secrets: "unneeded",
  });
  const plane = demandPlane(project, node);
  const file = secretsFile(folder, project);
  await demandNoSecretsFile(file);
  const locked = (await loadLock(lockPath(folder, options.inventory)))?.cluster;
  const known = await readIfThere(join(options.out, "known_hosts"));
  const pinned = known?.toString("utf8") ?? "";
  await withFirstSshAccess(project, pinned, async (sshConfig) => {
    const asked = { sshConfig, signal };
    const answer = await readAuthorities(plane, asked);
    if (!answer.ok) {
      throw notAdopted(
        `${plane} does not give what it holds: ${answer.because}`,
        "`ssh` to it as the first user of the inventory must work, with sudo",
      );
    }
    const { hostKeys, silent } = await readHostKeys(project, asked);
    const making = { now: new Date(), crypto: webcrypto };
    const secrets = await adoptSecrets(project, answer.held, hostKeys, making);
    const authority = publicKeyHash(secrets.ca.certificate);
    if (locked !== undefined && locked.authority !== authority) {
      throw notAdopted(
        `${plane} has another authority than the cards that were built here`,
        "another machine answered, or the authorities were replaced on another computer; take the lockfile from there",
        [`the lockfile names ${locked.authority}`, `${plane} has ${authority}`],
      );
    }
    const members = await demandProof(context, project, secrets);
    if (locked === undefined && pinned === "") {
      await confirm(context, plane, hostKeys.get(plane), options);
    }
    await storeAdopted(file, secrets, {
      env,
      signal,
      encryptTo: options.encryptTo,
    });
    await keepOutOfGit(context, {
      folder: dirname(file),
      secretsFile: file,
      out: options.out,
    });
    tell(context, file, project, members, silent);
  });
};
