// Who can log in: nodes have no passwords, so without a user and a key nobody can.
import type { Problem } from "../../report/problem.ts";
import { systemFacts } from "../boards/systems.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { DEFAULT_SHELL } from "../rules/user-rules.ts";
import { nodesOf, type NumberedNode, settingOf, titleOf } from "../settings.ts";
import { listed } from "../wording.ts";
import type { Path } from "../yaml/yaml-file.ts";

type Users = NonNullable<NonNullable<Draft["content"]["defaults"]>["users"]>;

const listsOf = (
  draft: Draft,
): readonly { readonly users: Users; readonly path: Path }[] =>
  [
    { users: draft.content.defaults?.users, path: ["defaults", "users"] },
    ...nodesOf(draft).map(({ index, node }) => ({
      users: node.users,
      path: ["nodes", index, "users"],
    })),
  ].flatMap(({ users, path }) =>
    users === undefined ? [] : [{ users, path }],
  );

export const checkUserNames: DraftCheck = (draft) =>
  listsOf(draft).flatMap(({ users, path }) => {
    const first = new Map<string, number>();
    return users.flatMap((user, index): readonly Problem[] => {
      const name = user?.name;
      const other = name === undefined ? undefined : first.get(name);
      if (name === undefined || other === undefined) {
        first.set(name ?? "", index);
        return [];
      }
      return [
        {
          code: "USER_TAKEN",
          severity: "error",
          message: `the user ${name} is listed twice`,
          at: draft.at([...path, index, "name"]),
          label: `also on line ${draft.at([...path, other, "name"]).line}`,
          hint: "put both keys into one entry",
        },
      ];
    });
  });

export const checkUsers: DraftCheck = (draft) => {
  const nodes = nodesOf(draft).flatMap((numbered) => {
    const found = settingOf(draft, numbered.index, "users");
    return found === undefined ? [] : [{ ...numbered, ...found }];
  });
  const without = nodes.filter(({ value }) => (value ?? []).length === 0);
  const problems: Problem[] = [];
  if (without.length > 0) {
    const path = without[0]?.path ?? [];
    const everywhere = without.length === nodes.length;
    problems.push({
      code: "USER_MISSING",
      severity: "error",
      message: everywhere
        ? "no user is set up, so nobody could log in"
        : `nobody could log in to ${listed(without.map(titleOf))}, because no user is set up there`,
      at:
        everywhere && draft.content.defaults !== undefined
          ? draft.keyAt(["defaults"])
          : draft.keyAt(path),
      hint: "add users: [{name: pi, sshKeys: [file:~/.ssh/id_ed25519.pub]}]",
    });
  }
  const paths = new Map(
    nodes
      .filter(({ value }) => (value ?? []).length > 0)
      .map(({ value, path }) => [JSON.stringify(path), { users: value, path }]),
  );
  for (const { users, path } of paths.values()) {
    const hasKey = (users ?? []).some(
      (user, index) =>
        (user?.sshKeys ?? []).length > 0 ||
        draft.isBroken([...path, index, "sshKeys"]),
    );
    if (!hasKey) {
      problems.push({
        code: "SSH_KEY_MISSING",
        severity: "warning",
        message:
          "no user has an SSH key, so nobody will be able to log in to the nodes",
        at: draft.keyAt(path),
        hint: "make a key with `ssh-keygen -t ed25519`, then add sshKeys: [file:~/.ssh/id_ed25519.pub] to the user",
      });
    }
  }
  return problems;
};

/** Of the users that nodes get, what is wrong with one on the node's system; the first node of each entry is told. */
const onTheSystem = (
  draft: Draft,
  judge: (
    user: Partial<NonNullable<Users[number]>>,
    node: NumberedNode,
    base: string,
  ) => (Omit<Problem, "at"> & { readonly key: "name" | "shell" }) | undefined,
): readonly Problem[] => {
  const told = new Set<string>();
  return nodesOf(draft).flatMap((numbered) => {
    const base = settingOf(draft, numbered.index, "base")?.value;
    const users = settingOf(draft, numbered.index, "users");
    if (base === undefined || users?.value === undefined) {
      return [];
    }
    return users.value.flatMap((user, index): readonly Problem[] => {
      const found = judge(user ?? {}, numbered, base);
      const place = JSON.stringify([...users.path, index]);
      if (found === undefined || told.has(place)) {
        return [];
      }
      told.add(place);
      const { key, ...problem } = found;
      return [{ ...problem, at: draft.at([...users.path, index, key]) }];
    });
  });
};

/** A user that the image has already is not made anew, and its account lets nobody in. */
export const checkImageAccounts: DraftCheck = (draft) =>
  onTheSystem(draft, ({ name = "" }, node, base) =>
    systemFacts(base).accounts.includes(name)
      ? {
          code: "USER_NAME_INVALID",
          severity: "error",
          message: `the system of ${titleOf(node)} (${base}) has an account ${name} of its own, as which nobody can log in`,
          key: "name",
          hint: "choose another name; it gets sudo unless sudo is false",
        }
      : undefined,
  );

/** sshd refuses a user whose shell is not there. */
export const checkShells: DraftCheck = (draft) =>
  onTheSystem(draft, ({ shell = DEFAULT_SHELL }, node, base) => {
    const [, name = ""] = /^(?:\/usr)?\/bin\/([^/]+)$/.exec(shell) ?? [];
    const packages = settingOf(draft, node.index, "packages");
    return packages === undefined ||
      systemFacts(base).shells.includes(name) ||
      packages.value?.includes(name) === true ||
      /\/(nologin|false)$/.test(shell)
      ? undefined
      : {
          code: "SHELL_MISSING",
          severity: "warning",
          message: `the image of ${titleOf(node)} (${base}) has no ${shell}, and sshd lets nobody in whose shell is missing`,
          key: "shell",
          hint: `use ${DEFAULT_SHELL}, or add packages: [${name === "" ? "NAME" : name}] so that the first boot installs it`,
        };
  });
