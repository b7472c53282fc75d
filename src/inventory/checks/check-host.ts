// Settings of a node's system against its role and against each other.
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { joinsCluster, nodesOf, titleOf } from "../settings.ts";
import { labelFinding } from "../rules/registration-rules.ts";
import { quoted } from "../wording.ts";
import type { Path } from "../yaml/yaml-file.ts";

/** Labels and taints are of nodes of the cluster; those in `defaults` are meant for the nodes that are. */
export const checkRegistration: DraftCheck = (draft) =>
  nodesOf(draft).flatMap(({ index, node }): readonly Problem[] =>
    node.role === undefined || joinsCluster(node)
      ? []
      : (["labels", "taints"] as const).flatMap((key) =>
          node[key] === undefined
            ? []
            : [
                {
                  code: "ROLE_KEY_UNUSED",
                  severity: "error",
                  message: `${titleOf({ index, node })} does not become a node of Kubernetes, so \`${key}\` would do nothing`,
                  at: draft.keyAt(["nodes", index, key]),
                  hint: "remove it",
                },
              ],
        ),
  );

/** A kubelet that is given a label that it may not set does not start. */
export const checkLabels: DraftCheck = (draft) =>
  [
    {
      path: ["defaults"] as Path,
      labels: draft.content.defaults?.labels,
      title: "NAME",
    },
    ...nodesOf(draft).map((numbered) => ({
      path: ["nodes", numbered.index] as Path,
      labels: numbered.node.labels,
      title: titleOf(numbered),
    })),
  ].flatMap(({ path, labels, title }) =>
    Object.entries(labels ?? {}).flatMap(([key, value]): readonly Problem[] => {
      const finding =
        value === undefined ? undefined : labelFinding(key, value, title);
      return finding === undefined
        ? []
        : [
            {
              ...finding,
              severity: "error",
              at: draft.keyAt([...path, "labels", key]),
            },
          ];
    }),
  );

/** Parameters of which each one counts: every other one that is written twice has the last value. */
const SEVERAL = ["console", "earlycon", "video", "modprobe.blacklist"];

const contradictions = (
  draft: Draft,
  words: readonly (string | undefined)[] | undefined,
  path: Path,
): readonly Problem[] =>
  (words ?? []).flatMap((word, number): readonly Problem[] => {
    const key = (text: string | undefined) =>
      text?.split("=", 1)[0]?.replaceAll("-", "_");
    const earlier = (words ?? [])
      .slice(0, number)
      .find((other) => key(other) === key(word) && other !== word);
    return word === undefined ||
      earlier === undefined ||
      SEVERAL.includes(key(word) ?? "")
      ? []
      : [
          {
            code: "CMDLINE_INVALID",
            severity: "error",
            message: `${quoted(word)} sets what ${quoted(earlier)} before it sets differently`,
            at: draft.at([...path, "cmdline", number]),
            hint: "remove one of the two; a parameter with several values takes them in one word, such as usb-storage.quirks=152d:0578:u,174c:55aa:u",
          },
        ];
  });

export const checkCmdlines: DraftCheck = (draft) => [
  ...contradictions(draft, draft.content.defaults?.cmdline, ["defaults"]),
  ...nodesOf(draft).flatMap(({ index, node }) =>
    contradictions(draft, node.cmdline, ["nodes", index]),
  ),
];
