// What nodes must not share, such as names and cards, and how many control planes there are.
import type { Problem, Position } from "../../report/problem.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { nodesOf, type NumberedNode, titleOf } from "../settings.ts";
import { formatIp } from "../rules/ip.ts";
import { quoted } from "../wording.ts";
import { cidrsOf } from "../written-addresses.ts";
import type { Path } from "../yaml/yaml-file.ts";

type ValueUse = {
  readonly value: string;
  readonly path: Path;
  readonly title: string;
};

/** A problem for each use of a value that was already used further up. */
const taken = (
  draft: Draft,
  uses: readonly ValueUse[],
  explain: (use: ValueUse) => Pick<Problem, "code" | "message" | "hint">,
): readonly Problem[] => {
  const first = new Map<string, { title: string; at: Position }>();
  return uses.flatMap((use) => {
    const at = draft.at(use.path);
    const other = first.get(use.value);
    if (other === undefined) {
      first.set(use.value, { title: use.title, at });
      return [];
    }
    const label = `also used by ${other.title} (line ${other.at.line})`;
    return [{ ...explain(use), severity: "error" as const, at, label }];
  });
};

export const checkNodeNames: DraftCheck = (draft) =>
  taken(
    draft,
    nodesOf(draft).flatMap(({ index, node: { name } }) =>
      name === undefined
        ? []
        : [
            {
              value: name,
              path: ["nodes", index, "name"],
              title: `node ${index + 1}`,
            },
          ],
    ),
    ({ value }) => ({
      code: "NODE_NAME_TAKEN",
      message: `two nodes have the name ${value}`,
      hint: "give every node its own name",
    }),
  );

/** The same for the values that nodes have at a key; nodes without the key are skipped. */
const takenAt = (
  draft: Draft,
  key: readonly string[],
  valueOf: (node: NumberedNode["node"]) => string | undefined,
  explain: Parameters<typeof taken>[2],
): readonly Problem[] =>
  taken(
    draft,
    nodesOf(draft).flatMap((numbered) => {
      const value = valueOf(numbered.node);
      const path = ["nodes", numbered.index, ...key];
      return value === undefined
        ? []
        : [{ value, path, title: titleOf(numbered) }];
    }),
    explain,
  );

export const checkNodeAddresses: DraftCheck = (draft) =>
  taken(
    draft,
    nodesOf(draft).flatMap((numbered) =>
      cidrsOf(numbered.node.address).map((cidr) => ({
        value: formatIp(cidr),
        path: ["nodes", numbered.index, "address"],
        title: titleOf(numbered),
      })),
    ),
    ({ value }) => ({
      code: "NODE_ADDRESS_TAKEN",
      message: `the address ${value} is used twice`,
      hint: "give every node its own address",
    }),
  );

export const checkCards: DraftCheck = (draft) =>
  takenAt(
    draft,
    ["card", "serial"],
    ({ card }) => card?.serial,
    ({ value }) => ({
      code: "CARD_TAKEN",
      message: `two nodes are bound to the card ${quoted(value)}`,
      hint: "give each node the serial of its own card, or remove `card`",
    }),
  );

export const checkMacs: DraftCheck = (draft) =>
  takenAt(
    draft,
    ["mac"],
    ({ mac }) => mac?.toLowerCase().replaceAll("-", ":"),
    ({ value }) => ({
      code: "MAC_TAKEN",
      message: `two nodes are bound to the board with the Ethernet address ${value}`,
      hint: "give each node the address of its own board, or remove `mac`",
    }),
  );

export const checkControlPlanes: DraftCheck = (draft) => {
  const all = draft.content.nodes ?? [];
  const nodes = nodesOf(draft);
  const planes = nodes.filter(({ node }) => node.role === "control-plane");
  const unclear =
    nodes.length < all.length ||
    nodes.some(({ node }) => node.role === undefined);
  if (all.length === 0 || (unclear && planes.length === 0)) {
    return [];
  }
  if (planes.length === 0) {
    return [
      {
        code: "CONTROL_PLANE_MISSING",
        severity: "error",
        message:
          "no node is a control plane, so nothing would start the cluster",
        at: draft.keyAt(["nodes"]),
        hint: "give one node the role control-plane",
      },
    ];
  }
  // etcd needs more than half of its members: with 2 of 2 or 3 of 4, one more card does not allow one more failure.
  return planes.length % 2 === 0
    ? [
        {
          code: "CONTROL_PLANES_EVEN",
          severity: "warning",
          message: `${planes.length} control planes survive no more failures than ${planes.length - 1} do`,
          at: draft.keyAt(["nodes"]),
          hint: "use 1, 3 or 5 control planes",
        },
      ]
    : [];
};
