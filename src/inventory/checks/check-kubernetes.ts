// The kubelet's and the API server's own settings: what would keep them from starting is found here, not on the node.
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import {
  apiServerFinding,
  isKnownFlag,
  unreachableFile,
} from "../rules/api-server-rules.ts";
import { kubeletFinding } from "../rules/kubelet-rules.ts";
import { API_SERVER_FLAGS } from "../rules/kubernetes-settings.ts";
import { closest } from "../wording.ts";

type Written = NonNullable<Draft["content"]["cluster"]>["kubernetes"];
type Settings = Exclude<Written, string | undefined>;

const settingsIn = (draft: Draft): Settings => {
  const written = draft.content.cluster?.kubernetes;
  return typeof written === "object" ? written : {};
};

export const checkKubelet: DraftCheck = (draft) => {
  const fields = settingsIn(draft).kubelet ?? {};
  return Object.entries(fields).flatMap(([name, value]): readonly Problem[] => {
    const path = ["cluster", "kubernetes", "kubelet", name];
    const finding = kubeletFinding(name, value, fields);
    return finding === undefined
      ? []
      : [
          {
            ...finding,
            severity:
              finding.code === "KUBELET_SETTING_UNKNOWN" ? "warning" : "error",
            at: draft.keyAt(path),
          },
        ];
  });
};

export const checkApiServer: DraftCheck = (draft) => {
  const { apiServer } = settingsIn(draft);
  const anonymous = draft.content.cluster?.hardening?.anonymousAccess;
  return (apiServer?.extraArgs ?? []).flatMap(
    (argument, number): readonly Problem[] => {
      const { name, value } = argument ?? {};
      if (name === undefined) {
        return [];
      }
      const path = ["cluster", "kubernetes", "apiServer", "extraArgs", number];
      const finding =
        apiServerFinding(name, value ?? "", anonymous) ??
        unreachableFile(name, value ?? "");
      if (finding !== undefined) {
        return [
          { ...finding, severity: "error", at: draft.at([...path, "name"]) },
        ];
      }
      const meant = closest(name, API_SERVER_FLAGS);
      return isKnownFlag(name)
        ? []
        : [
            {
              code: "API_SERVER_FLAG_UNKNOWN",
              severity: "warning",
              message: `pi-image does not know the flag --${name} of the API server, which does not start with one that it does not know either`,
              at: draft.at([...path, "name"]),
              label:
                meant === undefined ? undefined : `did you mean \`${meant}\`?`,
              hint: "compare it with https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/",
            },
          ];
    },
  );
};
