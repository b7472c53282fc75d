// The Kubernetes minors that pi-image installs, and the newest patch of each.
import type { KubernetesVersion } from "../resolved.ts";
import type { TextRule } from "./text-rule.ts";
import { listed, quoted } from "../wording.ts";

/**
 * Supported by the Kubernetes project on 2026-11-20 (1.34 ended in October 2026).
 * https://kubernetes.io/releases/
 */
const NEWEST_PATCH: ReadonlyMap<string, string> = new Map([
  ["1.35", "1.35.9"],
  ["1.36", "1.36.5"],
  ["1.37", "1.37.1"],
]);

/** Cilium 1.20 and the storage add-ons are tested up to this minor. */
export const DEFAULT_KUBERNETES = "1.36";

const MINORS = [...NEWEST_PATCH.keys()];
const CHOICES = `choose ${listed(MINORS, "or")}`;

const parts = (value: string) =>
  /^(?<major>\d{1,3})\.(?<minor>\d{1,3})(\.\d{1,3})?$/.exec(value)?.groups;

const minorOf = (value: string): string =>
  value.split(".").slice(0, 2).join(".");

/** The version where it stands alone or in a mapping. */
export const writtenVersion = (
  kubernetes: string | { readonly version?: string | undefined } | undefined,
): string | undefined =>
  typeof kubernetes === "string" ? kubernetes : kubernetes?.version;

export const kubernetesRule: TextRule = (value) => {
  const found = parts(value);
  if (found === undefined) {
    const bare = value.replace(/^v/, "");
    return {
      code: "KUBERNETES_VERSION_INVALID",
      message: `${quoted(value)} is not a Kubernetes version`,
      hint:
        bare !== value && parts(bare) !== undefined
          ? `leave out the v: "${bare}"`
          : `write a minor such as "${DEFAULT_KUBERNETES}" or a patch such as "${NEWEST_PATCH.get(DEFAULT_KUBERNETES)}"`,
    };
  }
  if (NEWEST_PATCH.has(minorOf(value))) {
    return undefined;
  }
  const number = Number(found["major"]) * 1000 + Number(found["minor"]);
  const [major, minor] = (MINORS[0] ?? "").split(".").map(Number);
  return number < (major ?? 0) * 1000 + (minor ?? 0)
    ? {
        code: "KUBERNETES_VERSION_ENDED",
        message: `Kubernetes ${minorOf(value)} no longer gets security fixes`,
        hint: CHOICES,
      }
    : {
        code: "KUBERNETES_VERSION_UNKNOWN",
        message: `this version of pi-image does not support Kubernetes ${minorOf(value)}`,
        hint: `${CHOICES}, or install a newer pi-image`,
      };
};

/** What to install for a `kubernetes` value that passed `kubernetesRule`; a minor means its newest known patch. */
export const kubernetesVersion = (value: string): KubernetesVersion => {
  const minor = minorOf(value);
  return {
    minor,
    patch: value === minor ? (NEWEST_PATCH.get(minor) ?? value) : value,
  };
};
