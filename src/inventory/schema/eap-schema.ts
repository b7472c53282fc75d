// The schema of what a Wi-Fi network with `security: enterprise` (IEEE 802.1X) needs.
import { z } from "zod";
import { certificateRule, eapTextRule } from "../rules/eap-rules.ts";
import { domainRule } from "../rules/name-rules.ts";
import { secretRule } from "../rules/references.ts";
import { EAP_METHODS, INNER_METHODS } from "../resolved.ts";
import { textRule } from "../rules/text-rule.ts";

const reference = (description: string, example: string) =>
  textRule(
    {
      description: `${description}: env:NAME, file:path, exec:command or prompt.`,
      pattern: "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|exec:.+|prompt)$",
      examples: [example],
    },
    secretRule,
  );

export const eapSchema = z.strictObject({
  method: z
    .enum(EAP_METHODS)
    .describe(
      "How the node proves who it is: peap and ttls with a password inside a tunnel, tls with a certificate of its own.",
    ),
  identity: textRule(
    {
      description: "The name by which the network knows the node.",
      examples: ["node@example.org"],
    },
    eapTextRule,
  ),
  anonymousIdentity: textRule(
    {
      description:
        "The name that is sent before the tunnel is there, which everybody can read. Default: the identity.",
      examples: ["anonymous@example.org"],
    },
    eapTextRule,
  ).optional(),
  inner: z
    .enum(INNER_METHODS)
    .optional()
    .describe(
      "How the password is sent inside the tunnel: pap is for ttls alone. Default: mschapv2.",
    ),
  ca: textRule(
    {
      description:
        "The authority that the network's server is proven by: file: and the path of its certificates (PEM), or system for those that the node's system trusts. Without one, anybody's access point would get the password.",
      pattern: "^(file:.+|system)$",
      examples: ["file:radius-ca.pem"],
    },
    certificateRule,
  ).optional(),
  domain: textRule(
    {
      description:
        "The domain of the server's certificate, or its end; needed with ca: system.",
      examples: ["radius.example.org"],
    },
    domainRule,
  ).optional(),
  certificate: textRule(
    {
      description:
        "For tls, the node's own certificate: file: and its path (PEM).",
      pattern: "^file:.+$",
      examples: ["file:node.pem"],
    },
    certificateRule,
  ).optional(),
  clientKey: reference(
    "For tls, where the private key of that certificate comes from (PEM)",
    "file:node.key",
  ).optional(),
  clientKeyPassword: reference(
    "For tls, where the password of an encrypted key comes from",
    "env:KEY_PASSWORD",
  ).optional(),
});
