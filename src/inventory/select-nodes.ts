// Selects the nodes that a command is about: those of `--host` and `--role`, or all.
import { UserError } from "../report/user-error.ts";
import { ROLES, type ResolvedNode, type ResolvedProject } from "./resolved.ts";
import { closest, listed, quoted } from "./wording.ts";

type Selection = {
  readonly hosts: readonly string[];
  /** The role as written; undefined selects every role. */
  readonly role: string | undefined;
};

const wrong = (message: string, hint: string): UserError =>
  new UserError("WRONG_ARGUMENTS", message, {
    hint,
    state: "nothing was written",
  });

const checkRole = (
  role: string | undefined,
  nodes: readonly ResolvedNode[],
): void => {
  if (role === undefined) {
    return;
  }
  if (!ROLES.some((known) => known === role)) {
    const meant = closest(role, ROLES);
    throw wrong(
      `there is no role ${quoted(role)}`,
      meant === undefined
        ? `the roles are ${listed(ROLES)}`
        : `did you mean ${meant}?`,
    );
  }
  if (!nodes.some((node) => node.role === role)) {
    throw wrong(
      `the inventory has no node with the role ${role}`,
      "add one under `nodes`, or leave out --role",
    );
  }
};

const checkHost = (
  host: string,
  role: string | undefined,
  nodes: readonly ResolvedNode[],
): void => {
  const names = nodes.map(({ name }) => name);
  const node = nodes.find(({ name }) => name === host);
  if (node === undefined) {
    const meant = closest(host, names);
    throw wrong(
      `the inventory has no node ${quoted(host)}`,
      `${meant === undefined ? "" : `did you mean ${meant}? `}The nodes are ${listed(names)}`,
    );
  }
  if (role !== undefined && node.role !== role) {
    throw wrong(
      `${host} is a ${node.role}, not a ${role}`,
      `leave out --role, or change the role of ${host} in the inventory`,
    );
  }
};

/**
 * The nodes in the inventory's order, each once; no hosts and no role mean all of them.
 * Throws UserError WRONG_ARGUMENTS for a host or role that the inventory lacks, or that contradict each other.
 */
export const selectNodes = (
  project: ResolvedProject,
  { hosts, role }: Selection,
): readonly ResolvedNode[] => {
  checkRole(role, project.nodes);
  for (const host of hosts) {
    checkHost(host, role, project.nodes);
  }
  return project.nodes.filter(
    (node) =>
      (hosts.length === 0 || hosts.includes(node.name)) &&
      (role === undefined || node.role === role),
  );
};
