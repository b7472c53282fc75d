// The schema of a node's Wi-Fi: one network, or several in order of preference.
import { z } from "zod";
import { eapSchema } from "./eap-schema.ts";
import { secretRule } from "../rules/references.ts";
import { SECURITIES } from "../resolved.ts";
import { textRule } from "../rules/text-rule.ts";
import { countryRule, ssidHexRule, ssidRule } from "../rules/wifi-rules.ts";

const network = z.strictObject({
  ssid: textRule(
    {
      description: "The network's name, 32 octets at most.",
      examples: ["home"],
    },
    ssidRule,
  ).optional(),
  ssidHex: textRule(
    {
      description:
        "The octets of a name that cannot be written as text, two hexadecimal digits each, in place of ssid.",
      pattern: "^([0-9a-fA-F]{2}){1,32}$",
      examples: ["636166e9"],
    },
    ssidHexRule,
  ).optional(),
  country: textRule(
    {
      description:
        "The country whose radio rules apply: two capital letters (ISO 3166-1), for example ES.",
      pattern: "^[A-Z]{2}$",
      examples: ["ES"],
    },
    countryRule,
  ),
  security: z
    .enum(SECURITIES)
    .optional()
    .describe(
      "wpa2 also joins networks that offer WPA2 and WPA3; wpa3 joins those that offer only WPA3; enterprise joins those where every user has a name (802.1X). Default: wpa2.",
    ),
  eap: eapSchema
    .optional()
    .describe("For security: enterprise, how the node proves who it is."),
  hidden: z
    .boolean()
    .optional()
    .describe("Whether the network hides its name. Default: false."),
  password: textRule(
    {
      description:
        "Where the password comes from: env:NAME, file:path, exec:command or prompt. Never the password itself.",
      pattern: "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|exec:.+|prompt)$",
      examples: ["env:WIFI_PASSWORD"],
    },
    secretRule,
  ).optional(),
});

/** Enough for a file that one person maintains; wpa_supplicant ranks the networks by number. */
const MOST_NETWORKS = 16;

export const wifiSchema = z.union([
  network,
  z.array(network).min(1).max(MOST_NETWORKS),
]);
