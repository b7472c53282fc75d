// The schema of cluster.yaml; each description is what editors show.
import { z } from "zod";
import { oneOrBoth } from "./family-schema.ts";
import { hardening } from "./hardening-schema.ts";
import { kubernetesSchema } from "./kubernetes-schema.ts";
import {
  clusterNameRule,
  domainRule,
  endpointRule,
} from "../rules/name-rules.ts";
import { addressRule, subnetRule } from "../rules/network-rules.ts";
import { defaultsSchema, nodeSchema } from "./node-schema.ts";
import { CNIS, RUNTIMES } from "../resolved.ts";
import {
  addonRule,
  registryHostRule,
  registryRule,
  urlRule,
  fingerprintRule,
} from "../rules/system-rules.ts";
import { textRule } from "../rules/text-rule.ts";

const JOIN_WAYS = ["certificate", "token"] as const;

const join = z
  .union([
    z.enum(JOIN_WAYS),
    z.strictObject({
      by: z
        .enum(JOIN_WAYS)
        .optional()
        .describe(
          "certificate: each card holds its own node's identity; token: all cards share one. Default: certificate.",
        ),
      days: z
        .int()
        .min(1)
        .max(366)
        .optional()
        .describe(
          "How many days after the build a join certificate is valid. Default: 30.",
        ),
      tokenHours: z
        .int()
        .min(1)
        .max(8760)
        .optional()
        .describe(
          "How many hours after the first boot of the control plane a token is valid. Default: 24.",
        ),
    }),
  ])
  .optional()
  .describe("How nodes join the cluster. Default: certificate.");

const url = (description: string, example: string) =>
  textRule({ description, examples: [example] }, urlRule).optional();

const mirrors = z
  .strictObject({
    kubernetesPackages: url(
      "A mirror of https://pkgs.k8s.io.",
      "http://apt.home.arpa/k8s",
    ),
    kubernetesKey: textRule(
      {
        description:
          "The fingerprint of the key that signs a mirror of kubernetesPackages with packages of your own. Default: the key of the Kubernetes project.",
        examples: ["DE15B14486CD377B9E876E1A234654DA9A296436"],
      },
      fingerprintRule,
    ).optional(),
    kubernetesImages: textRule(
      {
        description: "A mirror of registry.k8s.io, without https://.",
        examples: ["registry.home.arpa:5000/k8s"],
      },
      registryRule,
    ).optional(),
    registries: z
      .array(
        z.strictObject({
          registry: textRule(
            {
              description: "The host of the registry as image names have it.",
              examples: ["ghcr.io"],
            },
            registryHostRule,
          ),
          mirror: textRule(
            {
              description:
                "The URL of the mirror, asked before the registry itself. A path with /v2 in it is the root of its interface, as Harbor has one for each project.",
              examples: ["http://registry.home.arpa:5000"],
            },
            urlRule,
          ),
        }),
      )
      .optional()
      .describe(
        "Mirrors of whole container registries, such as pull-through caches; the runtime of every node asks them first.",
      ),
    ubuntu: url(
      "A mirror of the Ubuntu archive for arm64.",
      "http://apt.home.arpa/ubuntu-ports",
    ),
    manifests: url(
      "A place that has the manifests of network plug-ins and add-ons.",
      "https://files.home.arpa/manifests",
    ),
    baseImages: z
      .array(
        textRule(
          {
            description: "An address in place of scheme and host.",
            examples: ["https://files.home.arpa/ubuntu-cdimage"],
          },
          urlRule,
        ),
      )
      .optional()
      .describe(
        "Servers with copies of the vendors' base images, checksum lists and signatures, asked in this order before the vendors' own. What they serve is verified all the same.",
      ),
  })
  .optional()
  .describe(
    "Mirrors of your own, in place of the public servers. Where the nodes are offline, only the build asks them.",
  );

const cluster = z
  .strictObject({
    name: textRule(
      {
        description: "The cluster's name.",
        pattern: "^[a-z0-9]([a-z0-9-]{0,57}[a-z0-9])?$",
        examples: ["homelab"],
      },
      clusterNameRule,
    ),
    kubernetes: kubernetesSchema
      .optional()
      .describe(
        'The Kubernetes version in quotes, or a mapping of version and settings. Default: "1.36".',
      ),
    endpoint: textRule(
      {
        description:
          "Where the API server is reached: a node, a DNS name or an address. Default: the first control plane, or the virtual address.",
        examples: ["cplane"],
      },
      endpointRule,
    ).optional(),
    // kubeadm gives each node a /24 of it and allows at most 16 bits of difference.
    // In IPv6 a node gets a /64, or of a longer range a part that is 16 bits longer.
    podSubnet: oneOrBoth(
      {
        description:
          "The addresses of pods; nothing else may use them. For dual stack, one range of each family, the more important first. Default: 10.244.0.0/16.",
        examples: ["10.244.0.0/16", "10.244.0.0/16,fd00:10:244::/56"],
      },
      subnetRule({ 4: [8, 24], 6: [48, 104] }),
      "SUBNET_INVALID",
    ),
    // kubeadm: at most 20 bits of host part, and at least ten addresses, because DNS gets the tenth.
    serviceSubnet: oneOrBoth(
      {
        description:
          "The addresses of services; nothing else may use them. The families of podSubnet in the same order. Default: 10.96.0.0/12.",
        examples: ["10.96.0.0/12", "10.96.0.0/12,fd00:10:96::/112"],
      },
      subnetRule({ 4: [12, 28], 6: [108, 124] }),
      "SUBNET_INVALID",
    ),
    dnsDomain: textRule(
      { description: "The DNS domain of services. Default: cluster.local." },
      domainRule,
    ).optional(),
    cni: z
      .enum(CNIS)
      .optional()
      .describe("The network plug-in. Default: flannel."),
    runtime: z
      .enum(RUNTIMES)
      .optional()
      .describe(
        "The container runtime: Ubuntu's containerd, Docker's containerd or CRI-O. Default: containerd.",
      ),
    join,
    hardening,
    virtualAddress: textRule(
      {
        description:
          "A free address of your network that the control planes share (kube-vip).",
        examples: ["192.168.1.40"],
      },
      addressRule,
    ).optional(),
    offline: z
      .boolean()
      .optional()
      .describe(
        "Whether the nodes have no internet, neither at their first boot nor later: all that they need is in the bundle that each card carries. Default: false.",
      ),
    bundle: z
      .boolean()
      .optional()
      .describe(
        "Whether each card carries the packages and container images that its node needs, so that nodes download nothing at their first boot. Default: what `offline` says.",
      ),
    mirrors,
    addons: z
      .array(
        textRule(
          {
            description:
              "A manifest: file: and a path, or url: and an address.",
            examples: ["file:addons/metrics-server.yaml"],
          },
          addonRule,
        ),
      )
      .optional()
      .describe("Manifests that the first control plane applies."),
  })
  .describe("What all nodes share.");

const trust = z
  .array(
    textRule(
      {
        description: "The fingerprint of a key: all 40 digits.",
        examples: ["DE15B14486CD377B9E876E1A234654DA9A296436"],
      },
      fingerprintRule,
    ),
  )
  .min(1)
  .optional()
  .describe(
    "The keys that sign the images you use, such as those of `pi-image release`: one of them must have signed what an address names, and a file that SHA256SUMS beside it lists. --signed-by says it for one run. The catalogue's bases have keys of their own.",
  );

export const inventorySchema = z
  .strictObject({
    cluster,
    trust,
    defaults: defaultsSchema.optional(),
    nodes: z
      .array(nodeSchema)
      .min(1)
      .describe(
        "The nodes: at least one control plane. The first control plane starts the cluster.",
      ),
  })
  .describe("A Kubernetes cluster of Raspberry Pis, for pi-image.");

/** What people write, checked; `resolve` fills in everything that was left out. */
export type Inventory = z.infer<typeof inventorySchema>;
