// The part of cluster.yaml that loosens or tightens what a new cluster is made with.
import { z } from "zod";
import { namespaceRule } from "../rules/name-rules.ts";
import { ANONYMOUS_ACCESS, POD_SECURITY_LEVELS } from "../resolved.ts";
import { textRule } from "../rules/text-rule.ts";

export const hardening = z
  .strictObject({
    encryptSecrets: z
      .boolean()
      .optional()
      .describe(
        "Whether Secrets are encrypted in etcd, with a key from the cluster's secrets file. Default: true.",
      ),
    auditLog: z
      .boolean()
      .optional()
      .describe(
        "Whether the API server notes who changes what and who reads Secrets, in at most 20 MB of the card. Default: true.",
      ),
    podSecurity: z
      .enum(POD_SECURITY_LEVELS)
      .optional()
      .describe(
        "What pods may do where their namespace has no pod-security label. Default: baseline.",
      ),
    podSecurityExempt: z
      .array(
        textRule(
          {
            description: "The name of a namespace.",
            examples: ["longhorn-system"],
          },
          namespaceRule,
        ),
      )
      .optional()
      .describe(
        "Namespaces whose pods may do everything, besides those of the cluster itself.",
      ),
    seccompDefault: z
      .boolean()
      .optional()
      .describe(
        "Whether the system calls of a pod that names no seccomp profile are limited to the runtime's. Default: true.",
      ),
    anonymousAccess: z
      .enum(ANONYMOUS_ACCESS)
      .optional()
      .describe(
        "What the API server answers without any credential: health checks and the beginning of a join by token, or all that roles allow. Default: probes.",
      ),
  })
  .optional()
  .describe(
    "What a new cluster is made with; a running one is not changed by it. Defaults are for clusters whose secrets this version of pi-image made.",
  );
