// Who can log in: nodes have no passwords, so without a user and a key nobody can.
import type { Problem } from "../../report/problem.ts";
import { systemFacts } from "../boards/systems.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { nodesOf, settingOf, titleOf } from "../settings.ts";
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

/** A user that the image has already is not made anew, and its account lets nobody in. */
export const checkImageAccounts: DraftCheck = (draft) => {
  const told = new Set<string>();
  return nodesOf(draft).flatMap((numbered) => {
    const base = settingOf(draft, numbered.index, "base")?.value;
    const users = settingOf(draft, numbered.index, "users");
    if (base === undefined || users?.value === undefined) {
      return [];
    }
    const { accounts } = systemFacts(base);
    return users.value.flatMap((user, index): readonly Problem[] => {
      const name = user?.name ?? "";
      const path = [...users.path, index, "name"];
      const key = JSON.stringify(path);
      if (!accounts.includes(name) || told.has(key)) {
        return [];
      }
      told.add(key);
      return [
        {
          code: "USER_NAME_INVALID",
          severity: "error",
          message: `the system of ${titleOf(numbered)} (${base}) has an account ${name} of its own, as which nobody can log in`,
          at: draft.at(path),
          hint: "choose another name; it gets sudo unless sudo is false",
        },
      ];
    });
  });
};
