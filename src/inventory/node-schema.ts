// The schema of a node and of the settings that `defaults` gives to all nodes.
import { z } from "zod";
import { nodeNameRule, domainRule } from "./name-rules.ts";
import { addressRule, nodeAddressRule } from "./network-rules.ts";
import { keyRule } from "./references.ts";
import { BOARDS, ROLES, STORAGES } from "./resolved.ts";
import {
  baseRule,
  dateRule,
  localeRule,
  serialRule,
  timezoneRule,
} from "./system-rules.ts";
import { text } from "./text-rule.ts";
import { shellRule, userNameRule } from "./user-rules.ts";
import { wifiSchema } from "./wifi-schema.ts";

const user = z.strictObject({
  name: text(
    { description: "The login name.", examples: ["ana"] },
    userNameRule,
  ),
  sshKeys: z
    .array(
      text(
        {
          description:
            "A public key: file: and a path, or the line itself. Paths begin at this file's folder; ~ is your home.",
          examples: ["file:~/.ssh/id_ed25519.pub"],
        },
        keyRule,
      ),
    )
    .optional()
    .describe(
      "The public keys that log this user in. There is no login with a password.",
    ),
  sudo: z
    .boolean()
    .optional()
    .describe("Whether the user may become root with sudo. Default: true."),
  shell: text(
    { description: "The login shell. Default: /bin/bash." },
    shellRule,
  ).optional(),
});

/** What a node and `defaults` have in common. */
const settings = {
  board: z
    .enum(BOARDS)
    .optional()
    .describe("The Raspberry Pi model. Default: pi5."),
  base: text(
    {
      description:
        "The base image: a name from `pi-image base list`, a path or a URL. Default: ubuntu-24.04.",
      examples: ["ubuntu-24.04"],
    },
    baseRule,
  ).optional(),
  memory: z
    .literal([1, 2, 4, 8, 16])
    .optional()
    .describe(
      "The board's memory in GB, where its model is sold with several; `check` then knows whether it can be a control plane.",
    ),
  eeprom: text(
    {
      description:
        "The date of the board's boot EEPROM, as `rpi-eeprom-update` shows it; `check` then knows whether it boots the base image.",
      pattern: "^\\d{4}-\\d{2}-\\d{2}$",
      examples: ["2025-02-11"],
    },
    dateRule,
  ).optional(),
  storage: z
    .enum(STORAGES)
    .optional()
    .describe(
      "Where the node boots and runs: from the card (sd), from an NVMe disk that you flash (nvme), or from an NVMe disk that the card fills at first boot (sd-to-nvme). Default: sd.",
    ),
  pcieGen: z
    .literal([2, 3])
    .optional()
    .describe(
      "The PCIe speed: 2 is what the boards are certified for, 3 is faster and may be unstable. Default: 2.",
    ),
  timezone: text(
    {
      description: "The time zone. Default: Etc/UTC.",
      examples: ["Europe/Madrid"],
    },
    timezoneRule,
  ).optional(),
  locale: text(
    { description: "The locale. Default: C.UTF-8.", examples: ["es_ES.UTF-8"] },
    localeRule,
  ).optional(),
  users: z
    .array(user)
    .optional()
    .describe(
      "Who can log in. A node's own list takes the place of the one in defaults.",
    ),
  wifi: wifiSchema
    .optional()
    .describe(
      "The Wi-Fi network, or a list of networks with the preferred one first. What a node says takes the place of what defaults say.",
    ),
  uplink: z
    .enum(["ethernet", "wifi"])
    .optional()
    .describe(
      "The network that Kubernetes uses and that has the address. Default: wifi where Wi-Fi is set up, otherwise ethernet.",
    ),
  gateway: text(
    {
      description: "The router, for nodes that have an address of their own.",
      examples: ["192.168.1.1"],
    },
    addressRule,
  ).optional(),
  nameservers: z
    .array(text({ description: "A DNS server's IPv4 address." }, addressRule))
    .optional()
    .describe(
      "The DNS servers, for nodes that have an address of their own. Default: the gateway.",
    ),
  search: z
    .array(text({ description: "A DNS domain." }, domainRule))
    .optional()
    .describe("Domains in which short names are looked up."),
};

export const defaultsSchema = z
  .strictObject(settings)
  .describe("Settings of all nodes; a node's own setting wins.");

export const nodeSchema = z.strictObject({
  name: text(
    {
      description: "The node's host name and its name in Kubernetes.",
      pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
      examples: ["worker1"],
    },
    nodeNameRule,
  ),
  role: z.enum(ROLES).describe("What the node does: control-plane or worker."),
  ...settings,
  wifi: z
    .union([wifiSchema, z.literal(false)])
    .optional()
    .describe(
      "The Wi-Fi network, or the list of networks, in place of what defaults say; false: this node uses no Wi-Fi.",
    ),
  address: text(
    {
      description:
        "A fixed IPv4 address with the prefix length of its network. Without one, DHCP gives it.",
      examples: ["192.168.1.50/24"],
    },
    nodeAddressRule,
  ).optional(),
  card: z
    .strictObject({
      serial: text(
        {
          description:
            "The serial number of the only card that this node may be written to, from `pi-image devices`.",
          examples: ["0x1234abcd"],
        },
        serialRule,
      ),
    })
    .optional()
    .describe("The card that this node is bound to."),
});
