// Keys that belong to one role only.
import type { Problem } from "../report/problem.ts";
import type { Check } from "./draft.ts";
import { nodesOf, titleOf } from "./settings.ts";

const ROLE_KEYS = [{ key: "serves", role: "gateway" }] as const;

export const checkRoleKeys: Check = (draft) =>
  nodesOf(draft).flatMap(({ index, node }) =>
    ROLE_KEYS.flatMap(({ key, role }): readonly Problem[] =>
      node[key] === undefined || node.role === undefined || node.role === role
        ? []
        : [
            {
              code: "ROLE_KEY_UNUSED",
              severity: "error",
              message: `${titleOf({ index, node })} is a ${node.role}, and \`${key}\` is for nodes of the role ${role}`,
              at: draft.keyAt(["nodes", index, key]),
              hint: `remove it, or set role: ${role}`,
            },
          ],
    ),
  );
