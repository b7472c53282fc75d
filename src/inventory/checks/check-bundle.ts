// What a cluster with a bundle, or without the internet, cannot have. Which bases cannot carry one is in boards/base-facts.ts.
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { carriesBundle } from "../rules/bundle-rules.ts";
import { nodesOf } from "../settings.ts";
import type { Path } from "../yaml/yaml-file.ts";

const checkContradiction = (draft: Draft): readonly Problem[] => {
  const { offline, bundle } = draft.content.cluster ?? {};
  return offline === true && bundle === false
    ? [
        {
          code: "OFFLINE_WITHOUT_BUNDLE",
          severity: "error",
          message:
            "nodes that are offline have nothing to install without a bundle",
          at: draft.at(["cluster", "bundle"]),
          hint: "remove `bundle: false`; `offline: true` brings the bundle by itself",
        },
      ]
    : [];
};

const checkRuntime = (draft: Draft): readonly Problem[] => {
  const { runtime = "containerd", ...cluster } = draft.content.cluster ?? {};
  return carriesBundle(cluster) && runtime !== "containerd"
    ? [
        {
          code: "BUNDLE_UNSUPPORTED",
          severity: "error",
          message: `a bundle works with the containerd of Ubuntu only for now, and the runtime is ${runtime}`,
          at: draft.at(["cluster", "runtime"]),
          hint: "remove `runtime`, or `offline` and `bundle`",
        },
      ]
    : [];
};

/** Settings that a node without the internet has no use for, with what is true of it. */
const UNUSED = {
  proxy:
    "nodes that are offline ask no proxy; the build takes its own from the proxy variables of your shell",
  updates:
    "nodes that are offline find no security updates; a new bundle brings them",
} as const;

const KEYS = ["proxy", "updates"] as const;

const checkUnused = (draft: Draft): readonly Problem[] => {
  const { cluster, defaults } = draft.content;
  return cluster?.offline !== true
    ? []
    : [
        { path: ["defaults"] as Path, settings: defaults },
        ...nodesOf(draft).map(({ index, node }) => ({
          path: ["nodes", index] as Path,
          settings: node,
        })),
      ].flatMap(({ path, settings }) =>
        KEYS.flatMap((key): readonly Problem[] =>
          settings?.[key] === undefined || settings[key] === "off"
            ? []
            : [
                {
                  code: "OFFLINE_SETTING_UNUSED",
                  severity: "error",
                  message: UNUSED[key],
                  at: draft.keyAt([...path, key]),
                  hint: `remove \`${key}\``,
                },
              ],
        ),
      );
};

export const checkBundle: DraftCheck = (draft) => [
  ...checkContradiction(draft),
  ...checkRuntime(draft),
  ...checkUnused(draft),
];
