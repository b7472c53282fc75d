// The part of a node's settings that is about its system: kernel command line, packages, fragments, time, updates and logs, and
// how it is registered in Kubernetes.
import { z } from "zod";
import {
  cmdlineRule,
  fragmentPathRule,
  packageRule,
  proxyHostRule,
  proxyRule,
  timeServerRule,
} from "../rules/host-rules.ts";
import { interfaceRule, routeRule } from "../rules/link-rules.ts";
import { routerRule } from "../rules/network-rules.ts";
import { taintRule } from "../rules/registration-rules.ts";
import { textRule } from "../rules/text-rule.ts";

const REPLACES =
  "A node's own list takes the place of the one in defaults." as const;

const proxyAddress = (description: string) =>
  textRule(
    { description, examples: ["http://proxy.home.arpa:3128"] },
    proxyRule,
  );

const proxy = z.union([
  proxyAddress("The proxy for http and https."),
  z.strictObject({
    http: proxyAddress("The proxy for http addresses.").optional(),
    https: proxyAddress(
      "The proxy for https addresses. Default: that of http.",
    ).optional(),
    noProxy: z
      .array(
        textRule(
          {
            description:
              "A host, a domain with a leading dot, an address or a network.",
            examples: [".home.arpa"],
          },
          proxyHostRule,
        ),
      )
      .optional()
      .describe(
        "What is reached without the proxy, besides the nodes, their networks, pods, services and the endpoint.",
      ),
  }),
]);

export const hostSettings = {
  cmdline: z
    .array(
      textRule(
        {
          description: "One word for the kernel's command line.",
          examples: ["usb-storage.quirks=152d:0578:u"],
        },
        cmdlineRule,
      ),
    )
    .optional()
    .describe(
      `Your own words for the kernel's command line; a parameter that is there already gets your value. ${REPLACES}`,
    ),
  packages: z
    .array(
      textRule(
        {
          description: "The name of a package of the base's distribution.",
          examples: ["nfs-common"],
        },
        packageRule,
      ),
    )
    .optional()
    .describe(
      `Packages that the node installs once it is up, and tries again until they are there. ${REPLACES}`,
    ),
  fragments: z
    .array(
      textRule(
        {
          description:
            "The path of a cloud-config document under cloud-init/fragments/ beside this file.",
          examples: ["own/motd.yaml"],
        },
        fragmentPathRule,
      ),
    )
    .optional()
    .describe(
      `Fragments of your own, merged after those of the role's profile. ${REPLACES}`,
    ),
  // Which keys and values Kubernetes takes is more than a pattern: checkLabels judges them.
  labels: z
    .record(z.string(), z.string())
    .optional()
    .describe(
      "Labels with which the node registers in Kubernetes. A node's own are added to those of defaults.",
    ),
  taints: z
    .array(
      textRule(
        {
          description: "A taint as kubectl has it: key=value:effect.",
          examples: ["dedicated=storage:NoSchedule"],
        },
        taintRule,
      ),
    )
    .optional()
    .describe(
      "Taints with which the node registers in Kubernetes. In defaults, those of workers; on a control plane, its own list takes the place of the usual taint, and an empty one lets all pods in.",
    ),
  ntp: z
    .array(
      textRule(
        {
          description: "A time server: a name or an address.",
          examples: ["ntp.home.arpa"],
        },
        timeServerRule,
      ),
    )
    .min(1)
    .optional()
    .describe(`The time servers, in place of the distribution's. ${REPLACES}`),
  proxy: proxy
    .optional()
    .describe(
      "The proxy for packages, container images and shells: an address, or a mapping. What a node says takes the place of what defaults say.",
    ),
  interface: textRule(
    {
      description:
        "The interface of the uplink, where it is not the board's own: of Ethernet, or a Wi-Fi adapter on USB. Default: eth0, or wlan0 for Wi-Fi.",
      examples: ["enx00e04c680001"],
    },
    interfaceRule,
  ).optional(),
  vlan: z
    .int()
    .min(1)
    .max(4094)
    .optional()
    .describe(
      "The VLAN of the Ethernet uplink, where its packets carry a tag.",
    ),
  mtu: z
    .int()
    .min(1280)
    .max(9216)
    .optional()
    .describe(
      "The largest packet of the uplink in octets, where every device of the network has the same. Default: 1500.",
    ),
  routes: z
    .array(
      z.strictObject({
        to: textRule(
          { description: "The network.", examples: ["10.8.0.0/24"] },
          routeRule,
        ),
        via: textRule(
          { description: "The router to it.", examples: ["192.168.1.2"] },
          routerRule,
        ),
      }),
    )
    .optional()
    .describe(`Routes of the uplink besides the gateway. ${REPLACES}`),
  updates: z
    .enum(["security", "off"])
    .optional()
    .describe(
      "What the node updates by itself: security updates, or nothing. Kubernetes and the container runtime stay as they are in any case. Default: what the base does.",
    ),
  logs: z
    .enum(["volatile"])
    .optional()
    .describe(
      "volatile: the system's journal is kept in memory, at most 64 MB, and is gone after a restart. Default: what the base does.",
    ),
} as const;
