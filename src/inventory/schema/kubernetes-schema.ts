// The schema of the Kubernetes version, with the settings that its own documents have.
import { z } from "zod";
import { kubernetesRule } from "../rules/kubernetes-versions.ts";
import { textRule } from "../rules/text-rule.ts";

const version = textRule(
  {
    description:
      'The Kubernetes version in quotes: a minor ("1.36") or a patch ("1.36.5"). Default: "1.36".',
    examples: ["1.36"],
  },
  kubernetesRule,
);

const argument = z.strictObject({
  name: textRule({
    description: "The name of the flag, without the dashes before it.",
    examples: ["event-ttl"],
  }),
  value: textRule({
    description: "The value of the flag.",
    examples: ["2h0m0s"],
  }),
});

export const kubernetesSchema = z.union([
  version,
  z.strictObject({
    version: version.optional(),
    // What each field takes is Kubernetes' business; checkKubelet knows the kinds.
    kubelet: z
      .record(z.string(), z.unknown())
      .optional()
      .describe(
        "Fields of the kubelet's KubeletConfiguration, for all nodes of a new cluster. What pi-image decides is refused.",
      ),
    apiServer: z
      .strictObject({
        extraArgs: z
          .array(argument)
          .optional()
          .describe(
            "Flags of the API server, besides those that kubeadm and pi-image set.",
          ),
      })
      .optional()
      .describe("Settings of a new cluster's API server, as kubeadm has them."),
  }),
]);
