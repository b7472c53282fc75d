// What the texts of a Wi-Fi network with `security: enterprise` can be.
import { quoted } from "../wording.ts";
import type { TextRule } from "./text-rule.ts";

/** Netplan writes names between quotes for wpa_supplicant, where nothing can be escaped. */
export const eapTextRule: TextRule = (value) =>
  value.includes('"')
    ? {
        code: "WIFI_EAP_INVALID",
        message: `${quoted(value)} contains a quotation mark, which wpa_supplicant's configuration cannot hold in a name`,
        hint: "write the name as the network's administrator gave it, without quotation marks of its own",
      }
    : undefined;

export const SYSTEM_AUTHORITIES = "system";

/** Where certificates are: `system` is told from files by the checks that know what they are for. */
export const certificateRule: TextRule = (value) =>
  value === SYSTEM_AUTHORITIES || /^file:./.test(value)
    ? undefined
    : {
        code: "WIFI_CERTIFICATE_INVALID",
        message: `${quoted(value)} does not say where the certificates are`,
        hint: "write file: and the path of a PEM file, for example file:radius-ca.pem",
      };
