// The cluster that is assumed where there is no cluster.yaml: the one that `pi-image init --yes` would write.
import type { InitAnswers } from "./init-template.ts";
import type { Role } from "./resolved.ts";
import { userNameRule } from "./rules/user-rules.ts";

/** The login name where the user's own name on the build machine is not one that a node accepts. */
const FALLBACK_USER = "pi";

/** The answers of `init --yes`; `keys` are references to the public keys that were found. */
export const defaultAnswers = (
  userName: string | undefined,
  keys: readonly string[],
): InitAnswers => ({
  clusterName: "homelab",
  nodes: [
    { name: "cplane", role: "control-plane" },
    { name: "worker1", role: "worker" },
    { name: "worker2", role: "worker" },
  ],
  user: {
    name:
      userName !== undefined && userNameRule(userName) === undefined
        ? userName
        : FALLBACK_USER,
    sshKeys: keys,
  },
});

/** Nodes that were asked for, as arguments of `build` give them. */
export type ImpliedNodes = {
  readonly hosts: readonly string[];
  readonly role: Role | undefined;
};

/** The default answers, plus a node of the wanted role (worker, if none was named) for each host that they lack. */
export const impliedAnswers = (
  answers: InitAnswers,
  { hosts, role }: ImpliedNodes,
): InitAnswers => {
  const known = new Set(answers.nodes.map(({ name }) => name));
  const added = [...new Set(hosts)].filter((host) => !known.has(host));
  return {
    ...answers,
    nodes: [
      ...answers.nodes,
      ...added.map((name) => ({ name, role: role ?? ("worker" as const) })),
    ],
  };
};
