// The schema of what a gateway does for the network behind it: addresses, names, and ports that lead inside.
import { z } from "zod";
import { parseAddress } from "../rules/ipv4.ts";
import { domainRule, nodeNameRule } from "../rules/name-rules.ts";
import { servedAddressRule } from "../rules/network-rules.ts";
import { interfaceRule } from "../rules/link-rules.ts";
import { textRule, type TextRule } from "../rules/text-rule.ts";
import { quoted } from "../wording.ts";

/** "10.0.0.100-10.0.0.199" -> its two ends; undefined for anything else. */
export const parseRange = (
  value: string,
): { readonly from: number; readonly to: number } | undefined => {
  const [from, to, ...rest] = value
    .split("-")
    .map((end) => parseAddress(end.trim()));
  return from === undefined || to === undefined || rest.length > 0 || from > to
    ? undefined
    : { from, to };
};

const rangeRule: TextRule = (value) =>
  parseRange(value) === undefined
    ? {
        code: "DHCP_RANGE_INVALID",
        message: `${quoted(value)} is not a range of addresses`,
        hint: "write the first and the last address, for example 10.0.0.100-10.0.0.199",
      }
    : undefined;

const port = z.int().min(1).max(65_535);

const forward = z.strictObject({
  port: port.describe("The port of the gateway, on its uplink."),
  to: textRule(
    { description: "The node behind the gateway.", examples: ["cplane"] },
    nodeNameRule,
  ),
  toPort: port
    .optional()
    .describe("The port of that node. Default: the same number."),
  protocol: z
    .enum(["tcp", "udp"])
    .optional()
    .describe("What passes. Default: tcp."),
});

export const serviceSchema = z
  .strictObject({
    interface: textRule(
      {
        description:
          "The interface that leads to the cluster's switch. Default: eth0 where the uplink is Wi-Fi.",
        examples: ["eth0"],
      },
      interfaceRule,
    ).optional(),
    address: textRule(
      {
        description:
          "The gateway's address on the cluster's network, with prefix length.",
        examples: ["10.0.0.1/24"],
      },
      servedAddressRule,
    ),
    ranges: z
      .array(
        textRule(
          {
            description: "The first and the last address.",
            examples: ["10.0.0.100-10.0.0.199"],
          },
          rangeRule,
        ),
      )
      .optional()
      .describe(
        "Addresses for machines that the inventory does not name; an empty list for none. Default: the upper half of the network.",
      ),
    domain: textRule(
      {
        description:
          "The DNS domain of the nodes' names. Default: the cluster's name and home.arpa.",
        examples: ["homelab.home.arpa"],
      },
      domainRule,
    ).optional(),
    forwards: z
      .array(forward)
      .optional()
      .describe("Ports of the gateway that lead to nodes behind it."),
  })
  .describe("What a gateway gives the network behind it.");
