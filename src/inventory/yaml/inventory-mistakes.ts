// Better words for mistakes that people make in cluster.yaml in particular.
import { inventorySchema } from "../schema/cluster-schema.ts";
import type { Special } from "./explain-mistakes.ts";
import { adviceFor } from "./foreign-keys.ts";
import { SECRET_HINT } from "../rules/references.ts";
import { ourKey } from "./synonyms.ts";
import { knownKeys } from "./schema-keys.ts";
import { valueAt, type Mistake } from "./schema-mistakes.ts";
import type { RuleFinding } from "../rules/text-rule.ts";
import { listed } from "../wording.ts";
import type { Path } from "./yaml-file.ts";

const SECTIONS = ["cluster", "defaults", "nodes"] as const;

/** Where in the inventory a key belongs that is only in the wrong place; undefined for an unknown key. */
const rightPlace = (key: string): string | undefined => {
  const section = SECTIONS.find((name) =>
    knownKeys(inventorySchema, name === "nodes" ? [name, 0] : [name]).includes(
      key,
    ),
  );
  return section === "nodes"
    ? "it belongs to a node"
    : section && `it belongs under \`${section}\``;
};

const unknownKey = (path: Path): RuleFinding | undefined => {
  const key = String(path.at(-1));
  const known = knownKeys(inventorySchema, path.slice(0, -1));
  const meant = ourKey(key, known);
  const label =
    meant === undefined
      ? (rightPlace(key) ?? adviceFor(key))
      : `here it is called \`${meant}\``;
  return label === undefined
    ? undefined
    : {
        code: "UNKNOWN_KEY",
        message: `there is no key \`${key}\` here`,
        label,
        hint: `the keys allowed here are ${listed(known)}`,
      };
};

/** Whether the path is that of this key of a Wi-Fi network, which may stand in a list. */
const isWifiKey = (path: Path, key: string): boolean =>
  path.at(-1) === key &&
  (typeof path.at(-2) === "number" ? path.at(-3) : path.at(-2)) === "wifi";

const wrongValue = (path: Path, value: unknown): RuleFinding | undefined => {
  if (path.length === 0 && value === null) {
    return {
      code: "INVENTORY_EMPTY",
      message: "the inventory is empty",
      hint: "`pi-image init` writes one to begin with",
    };
  }
  // The value is not shown, because it may be the password.
  if (isWifiKey(path, "password") && value !== null) {
    return {
      code: "SECRET_IN_FILE",
      message: "this is not a reference; the inventory never contains secrets",
      hint: SECRET_HINT,
    };
  }
  if (path.join(".") === "cluster.cni" && /^weave/i.test(String(value))) {
    return {
      code: "CNI_ARCHIVED",
      message:
        "Weave Net was archived in 2022 and no longer follows Kubernetes",
      hint: "use flannel, which is as simple and maintained",
    };
  }
  return path.at(-1) === "role" && value === "master"
    ? {
        code: "UNKNOWN_VALUE",
        message: "Kubernetes no longer calls a role `master`",
        hint: "write control-plane",
      }
    : undefined;
};

export const inventorySpecial: Special = (mistake: Mistake, data: unknown) => {
  const { kind, path } = mistake;
  switch (kind) {
    case "unknown":
      return unknownKey(path);
    case "missing":
      return isWifiKey(path, "country")
        ? {
            code: "WIFI_COUNTRY_MISSING",
            message:
              "the Wi-Fi network has no country, and without one some channels stay off",
            label: "needs `country`",
            hint: "add the two letters of your country, for example country: ES",
          }
        : undefined;
    case "type":
    case "choice":
      return wrongValue(path, valueAt(data, path));
    case "size":
      return path.join(".") === "nodes"
        ? {
            code: "CONTROL_PLANE_MISSING",
            message: "the inventory lists no node",
            hint: "add at least {name: cplane, role: control-plane}",
          }
        : undefined;
    case "finding":
      return undefined;
  }
};
