// Rules for the labels and taints with which a kubelet may register its node.
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
import type { RuleFinding, TextRule } from "./text-rule.ts";
import { quoted } from "../wording.ts";

/** https://github.com/kubernetes/kubernetes/blob/v1.36.0/staging/src/k8s.io/kubelet/pkg/apis/well_known_labels.go */
const ALLOWED_LABELS = [
  "node.kubernetes.io/instance-type",
  "topology.kubernetes.io/region",
  "topology.kubernetes.io/zone",
  "beta.kubernetes.io/instance-type",
  "failure-domain.beta.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
];
const ALLOWED_PREFIXES = ["kubelet.kubernetes.io", "node.kubernetes.io"];

/** Labels that the kubelet gives the node itself. */
const OF_KUBELET = [
  "kubernetes.io/hostname",
  "kubernetes.io/arch",
  "kubernetes.io/os",
  "beta.kubernetes.io/arch",
  "beta.kubernetes.io/os",
];

const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const PREFIX =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

const isWithin = (prefix: string, domain: string): boolean =>
  prefix === domain || prefix.endsWith(`.${domain}`);

/** Half a sentence on what is wrong with the key of a label or a taint; undefined where nothing is. */
const keyMistake = (key: string): string | undefined => {
  const [name = "", prefix, ...rest] = key.split("/").toReversed();
  return rest.length === 0 &&
    NAME.test(name) &&
    (prefix === undefined || PREFIX.test(prefix))
    ? undefined
    : `${quoted(key)} is not a key that Kubernetes accepts`;
};

const KEY_HINT =
  "a key has at most 63 letters, digits, -, _ and ., and may have a domain and / before it, for example example.org/disk";

const invalidLabel = (message: string, hint: string): RuleFinding => ({
  code: "LABEL_INVALID",
  message,
  hint,
});

/** @param node the node's name, for the command that gives it the label later */
export const labelFinding = (
  key: string,
  value: string,
  node: string,
): RuleFinding | undefined => {
  const wrong = keyMistake(key);
  if (wrong !== undefined) {
    return invalidLabel(wrong, KEY_HINT);
  }
  if (value !== "" && !NAME.test(value)) {
    return invalidLabel(
      `${quoted(value)} is not a value that a label can have`,
      "a value has at most 63 letters, digits, -, _ and ., and begins and ends with a letter or digit",
    );
  }
  const prefix = key.includes("/") ? (key.split("/")[0] ?? "") : "";
  if (OF_KUBELET.includes(key)) {
    return invalidLabel(`the kubelet sets ${key} itself`, "remove it");
  }
  if (isWithin(prefix, "node-role.kubernetes.io")) {
    return invalidLabel(
      `a node may not give itself a role, so a kubelet with the label ${key} does not start`,
      `remove it, and give the label once the node has joined: kubectl label node ${node} ${key}=${value}`,
    );
  }
  if (isWithin(prefix, "node-restriction.kubernetes.io")) {
    return invalidLabel(
      `labels below node-restriction.kubernetes.io, such as ${key}, are those that a node may not give itself`,
      `remove it, and give the label once the node has joined: kubectl label node ${node} ${key}=${value}`,
    );
  }
  const reserved =
    isWithin(prefix, "kubernetes.io") || isWithin(prefix, "k8s.io");
  return !reserved ||
    ALLOWED_LABELS.includes(key) ||
    ALLOWED_PREFIXES.some((allowed) => isWithin(prefix, allowed))
    ? undefined
    : invalidLabel(
        `${key} belongs to Kubernetes, and a kubelet that is given it does not start`,
        "use a key of your own, for example example.org/disk, or one below node.kubernetes.io/",
      );
};

const EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/** Taints by which Kubernetes itself tells how a node is. */
const OF_KUBERNETES = /^node\.(kubernetes|cloudprovider\.kubernetes)\.io\//;

export type Taint = {
  readonly key: string;
  readonly value: string;
  readonly effect: string;
};

/** "dedicated=storage:NoSchedule"; undefined for anything else. */
export const parseTaint = (text: string): Taint | undefined => {
  const [, key, value = "", effect] =
    /^([^=:]+)(?:=([^:]*))?:([A-Za-z]+)$/.exec(text) ?? [];
  return key === undefined || effect === undefined
    ? undefined
    : { key, value, effect };
};

export const taintRule: TextRule = (text) => {
  const invalid = (message: string, hint: string): RuleFinding => ({
    code: "TAINT_INVALID",
    message,
    hint,
  });
  if (text === "") {
    return undefined;
  }
  const taint = parseTaint(text);
  if (taint === undefined || !EFFECTS.includes(taint.effect)) {
    return invalid(
      `${quoted(text)} is not a taint`,
      `write key=value:effect with ${EFFECTS.slice(0, -1).join(", ")} or ${EFFECTS.at(-1)} as effect, for example dedicated=storage:NoSchedule`,
    );
  }
  const wrong = keyMistake(taint.key);
  if (wrong !== undefined) {
    return invalid(wrong, KEY_HINT);
  }
  if (taint.value !== "" && !NAME.test(taint.value)) {
    return invalid(
      `${quoted(taint.value)} is not a value that a taint can have`,
      "a value has at most 63 letters, digits, -, _ and ., and begins and ends with a letter or digit",
    );
  }
  return OF_KUBERNETES.test(taint.key)
    ? invalid(
        `Kubernetes itself sets and removes ${taint.key}`,
        "use a key of your own, for example dedicated=storage:NoSchedule",
      )
    : undefined;
};
