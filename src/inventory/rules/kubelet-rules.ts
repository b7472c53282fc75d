// Which fields of the kubelet's configuration an inventory may set, and with what kind of value.
import { KUBELET_FIELDS, type KubeletKind } from "./kubernetes-settings.ts";
import type { RuleFinding } from "./text-rule.ts";
import { closest } from "../wording.ts";

/** Fields that kubeadm, pi-image or the node itself decides, and what to write in their place. */
const OWNED: Readonly<Record<string, string>> = {
  apiVersion: "remove it; there is one version",
  kind: "remove it; there is one kind",
  authentication: "remove it; nobody may ask the kubelet without a credential",
  authorization: "remove it; the API server decides who may ask the kubelet",
  cgroupDriver: "remove it; the runtime has systemd as well",
  clusterDNS: "remove it; the address follows cluster.serviceSubnet",
  clusterDomain: "remove it, and set cluster.dnsDomain",
  containerRuntimeEndpoint: "remove it, and set cluster.runtime",
  imageServiceEndpoint: "remove it, and set cluster.runtime",
  podCIDR: "remove it, and set cluster.podSubnet",
  providerID: "remove it; there is no cloud provider",
  readOnlyPort: "remove it; that port answers everybody",
  registerNode: "remove it; every node registers",
  registerWithTaints: "remove it, and set `taints` at the node",
  resolvConf: "remove it; each node finds its own",
  rotateCertificates: "remove it; kubeadm switches it on",
  seccompDefault: "remove it, and set cluster.hardening.seccompDefault",
  serverTLSBootstrap:
    "remove it; it is on, and the control planes approve what kubelets ask for",
  staticPodPath: "remove it; the control plane's own pods are there",
  tlsCertFile: "remove it; each kubelet makes its own",
  tlsPrivateKeyFile: "remove it; each kubelet makes its own",
};

/** https://pkg.go.dev/time#ParseDuration */
const isDuration = (value: unknown): boolean =>
  typeof value === "string" && /^(0|([\d.]+(ns|us|µs|ms|s|m|h))+)$/.test(value);

const isMapping = (
  value: unknown,
): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

type Kind = {
  readonly fits: (value: unknown) => boolean;
  readonly words: string;
  readonly example: (name: string) => string;
};

const KINDS: Readonly<Record<KubeletKind, Kind>> = {
  switch: {
    fits: (value) => typeof value === "boolean",
    words: "true or false",
    example: (name) => `${name}: true`,
  },
  number: {
    fits: (value) => typeof value === "number",
    words: "a number",
    example: (name) => `${name}: 20`,
  },
  text: {
    fits: (value) => typeof value === "string",
    words: "text",
    example: (name) => `${name}: "..."`,
  },
  duration: {
    fits: isDuration,
    words: "a time with its unit",
    example: (name) => `${name}: 30s`,
  },
  list: {
    fits: Array.isArray,
    words: "a list",
    example: (name) => `${name}: [...]`,
  },
  mapping: {
    fits: isMapping,
    words: "a mapping",
    example: (name) => `${name}: {...}`,
  },
  switches: {
    fits: (value) =>
      isMapping(value) &&
      Object.values(value).every((each) => typeof each === "boolean"),
    words: "a mapping to true or false",
    example: (name) => `${name}: {NAME: true}`,
  },
  texts: {
    fits: (value) =>
      isMapping(value) &&
      Object.values(value).every((each) => typeof each === "string"),
    words: "a mapping to texts in quotes",
    example: (name) => `${name}: {memory: "100Mi", cpu: "0.5"}`,
  },
};

/** What pi-image sets where the inventory does not (kubernetes/kubeadm-documents.ts). */
const USUAL_THRESHOLDS = { high: 75, low: 65 };

const thresholds = (
  fields: Readonly<Record<string, unknown>>,
): RuleFinding | undefined => {
  const {
    imageGCHighThresholdPercent: high = USUAL_THRESHOLDS.high,
    imageGCLowThresholdPercent: low = USUAL_THRESHOLDS.low,
  } = fields;
  return typeof high === "number" && typeof low === "number" && low >= high
    ? {
        code: "KUBELET_SETTING_INVALID",
        message: `the kubelet does not start with image garbage collection from ${high} % down to ${low} %`,
        hint: "set imageGCHighThresholdPercent higher than imageGCLowThresholdPercent",
      }
    : undefined;
};

/** @param fields all fields that the inventory sets, for those that depend on each other */
export const kubeletFinding = (
  name: string,
  value: unknown,
  fields: Readonly<Record<string, unknown>>,
): RuleFinding | undefined => {
  const owned = Object.hasOwn(OWNED, name) ? OWNED[name] : undefined;
  if (owned !== undefined) {
    return {
      code: "KUBELET_SETTING_INVALID",
      message: `\`${name}\` of the kubelet is not for the inventory to decide`,
      hint: owned,
    };
  }
  const kind = KUBELET_FIELDS.get(name);
  if (kind === undefined) {
    const meant = closest(name, [...KUBELET_FIELDS.keys()]);
    return {
      code: "KUBELET_SETTING_UNKNOWN",
      message: `pi-image knows no field \`${name}\` of KubeletConfiguration, and a kubelet ignores those that it does not know`,
      label: meant === undefined ? undefined : `did you mean \`${meant}\`?`,
      hint: "compare it with https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/",
    };
  }
  const { fits, words, example } = KINDS[kind];
  if (!fits(value)) {
    return {
      code: "KUBELET_SETTING_INVALID",
      message: `the kubelet does not start unless \`${name}\` is ${words}`,
      hint: `write for example ${example(name)}`,
    };
  }
  return /^imageGC(High|Low)ThresholdPercent$/.test(name)
    ? thresholds(fields)
    : undefined;
};
