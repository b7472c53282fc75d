// Decides how the user has to confirm that this target may be overwritten; computes only.
import { basename } from "node:path";
import type { UsableTarget } from "../device/target.ts";
import type { Refusal } from "../device/target-rules.ts";

export type Confirmation =
  /** The command line has said enough. */
  | { readonly kind: "given"; readonly by: "--yes" | "--serial" | "by-id path" }
  /** The user types this name at the terminal. */
  | {
      readonly kind: "type name";
      readonly name: string;
      readonly what: string;
    };

type Said = {
  readonly yes: boolean;
  readonly interactive: boolean;
  /** `--serial`; the target rules have compared it already. */
  readonly serial: string | undefined;
};

/** Loop devices and files have no serial, and cannot be mistaken for somebody's card. */
const needsOnlyYes = (target: UsableTarget): boolean =>
  target.kind === "file" || target.device.kind === "loop";

const described = (target: UsableTarget): string => {
  if (target.kind === "file") {
    return target.exists
      ? `the file ${target.path}`
      : `the new file ${target.path}`;
  }
  const { vendor, model, serial, size } = target.device;
  const name = [vendor, model].filter((word) => word !== undefined).join(" ");
  const facts = [
    name,
    `${(size / 1e9).toFixed(1)} GB`,
    serial === undefined ? "" : `serial ${serial}`,
  ].filter((word) => word !== "");
  return `${target.path} (${facts.join(", ")})`;
};

const howToSay = (target: UsableTarget): string => {
  if (needsOnlyYes(target)) {
    return "add --yes";
  }
  const { serial, byId } =
    target.kind === "device" ? target.device : { serial: undefined, byId: [] };
  if (serial !== undefined) {
    return `if this is the card you mean, add --yes --serial ${serial}`;
  }
  return byId[0] === undefined
    ? "it has neither a serial nor a name under /dev/disk/by-id: run the command at a terminal"
    : `it reports no serial; if this is the card you mean, give ${byId[0]} as the target, with --yes`;
};

/**
 * Without a terminal `--yes` alone could hit whatever card has the name today: a real device must be named by its serial
 * or by its path under /dev/disk/by-id.
 */
export const confirmationOf = (
  target: UsableTarget,
  { yes, interactive, serial }: Said,
): Confirmation | { readonly kind: "refused"; readonly refusal: Refusal } => {
  if (yes && needsOnlyYes(target)) {
    return { kind: "given", by: "--yes" };
  }
  if (yes && serial !== undefined) {
    return { kind: "given", by: "--serial" };
  }
  if (yes && target.kind === "device" && target.byId) {
    return { kind: "given", by: "by-id path" };
  }
  if (interactive) {
    return {
      kind: "type name",
      name: basename(
        target.kind === "device" ? target.device.path : target.path,
      ),
      what: described(target),
    };
  }
  return {
    kind: "refused",
    refusal: {
      code: "TARGET_NOT_CONFIRMED",
      reason: `${described(target)} would be ${target.kind === "file" && !target.exists ? "made" : "overwritten"}, and there is no terminal to confirm on`,
      hint: howToSay(target),
    },
  };
};
