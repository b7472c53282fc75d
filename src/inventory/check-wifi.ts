// Whether each Wi-Fi network has a password where it needs one.
import type { Check, Draft } from "./draft.ts";
import { nodesOf } from "./settings.ts";
import type { Path } from "./yaml-file.ts";

/** `defaults` and each node, with what they say themselves. */
const levels = (draft: Draft) => [
  { path: ["defaults"] as Path, settings: draft.content.defaults ?? {} },
  ...nodesOf(draft).map(({ index, node }) => ({
    path: ["nodes", index] as Path,
    settings: node,
  })),
];

export const checkWifiPasswords: Check = (draft) =>
  levels(draft).flatMap(({ path, settings: { wifi } }) => {
    const place = [...path, "wifi"];
    const password = [...place, "password"];
    if (
      !wifi ||
      draft.isBroken(password) ||
      draft.isBroken([...place, "security"])
    ) {
      return [];
    }
    const open = wifi.security === "open";
    if (open === (wifi.password === undefined)) {
      return [];
    }
    return [
      open
        ? ({
            code: "WIFI_PASSWORD_UNUSED",
            severity: "error",
            message: "an open network has no password",
            at: draft.keyAt(password),
            hint: "remove `password`, or set security: wpa2",
          } as const)
        : ({
            code: "WIFI_PASSWORD_MISSING",
            severity: "error",
            message: "the Wi-Fi network has no password",
            at: draft.keyAt(place),
            label: "needs `password`",
            hint: "add password: env:WIFI_PASSWORD, or set security: open",
          } as const),
    ];
  });
