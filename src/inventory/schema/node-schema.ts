// The schema of a node and of the settings that `defaults` gives to all nodes.
import { z } from "zod";
import { nodeNameRule, domainRule } from "../rules/name-rules.ts";
import {
  addressRule,
  nodeAddressRule,
  routerRule,
} from "../rules/network-rules.ts";
import { oneOrBoth } from "./family-schema.ts";
import { hostSettings } from "./host-schema.ts";
import { serviceSchema } from "./service-schema.ts";
import { keyRule } from "../rules/references.ts";
import { EEPROM_MODES, hardwareSchema } from "../boards/hardware.ts";
import {
  configRule,
  dataMountRule,
  imageRule,
  macRule,
} from "../rules/board-rules.ts";
import { BOARDS } from "../boards/boards.ts";
import { ROLES } from "../resolved.ts";
import { STORAGES } from "../boards/storage.ts";
import {
  baseRule,
  dateRule,
  localeRule,
  serialRule,
  timezoneRule,
} from "../rules/system-rules.ts";
import { textRule } from "../rules/text-rule.ts";
import { shellRule, userNameRule } from "../rules/user-rules.ts";
import { wifiSchema } from "./wifi-schema.ts";

const user = z.strictObject({
  name: textRule(
    { description: "The login name.", examples: ["ana"] },
    userNameRule,
  ),
  sshKeys: z
    .array(
      textRule(
        {
          description:
            "A public key: file: and a path, the line itself, gh: and a name on GitHub, or an https address. Relative paths start at this file's folder; ~ is your home. What an address gives is recorded by the first build.",
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
  shell: textRule(
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
  base: textRule(
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
  eepromDate: textRule(
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
      "Where the node boots and runs: from the card (sd), from a disk that you flash (nvme, usb), from a disk that the card fills at first boot (sd-to-nvme, sd-to-usb), or from the card with a disk for data (sd+nvme-data, sd+usb-data). Default: sd.",
    ),
  dataMount: textRule(
    {
      description:
        "Where the disk of sd+nvme-data or sd+usb-data is mounted. Default: the folder of the container runtime.",
      examples: ["/srv/data"],
    },
    dataMountRule,
  ).optional(),
  keepCard: z
    .boolean()
    .optional()
    .describe(
      "With sd-to-nvme or sd-to-usb: whether the card stays able to boot, as a recovery system. Default: false, it cannot boot any more.",
    ),
  pcieGen: z
    .literal([2, 3])
    .optional()
    .describe(
      "The PCIe speed: 2 is what the boards are certified for; 3 is tried at first boot, and kept only where the link holds it. Default: 2.",
    ),
  eeprom: z
    .enum(EEPROM_MODES)
    .optional()
    .describe(
      "The boot loader's own memory: auto lets the node set its boot order where that is needed, keep never touches it, recovery flashes the image in eepromImage from the card. Default: auto.",
    ),
  eepromImage: textRule(
    {
      description:
        "For eeprom: recovery, the vendor's boot loader image, with its recovery.bin in the same folder.",
      examples: ["file:firmware-2712/default/pieeprom-2026-05-26.bin"],
    },
    imageRule,
  ).optional(),
  hardware: hardwareSchema
    .optional()
    .describe(
      "Switches of the board. A node's own are added to those of defaults.",
    ),
  config: z
    .array(
      textRule(
        {
          description:
            "A line for config.txt, or a filter such as [pi5] for those after it.",
          examples: ["dtparam=i2c_arm=on"],
        },
        configRule,
      ),
    )
    .optional()
    .describe(
      "Your own lines for config.txt. A node's own list takes the place of the one in defaults.",
    ),
  timezone: textRule(
    {
      description: "The time zone. Default: Etc/UTC.",
      examples: ["Europe/Madrid"],
    },
    timezoneRule,
  ).optional(),
  locale: textRule(
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
  gateway: oneOrBoth(
    {
      description:
        "The router, for nodes that have an address of their own; one of each family. An IPv6 router that is not named here is taken from its own advertisements.",
      examples: ["192.168.1.1"],
    },
    routerRule,
    "ADDRESS_INVALID",
  ),
  nameservers: z
    .array(textRule({ description: "A DNS server's address." }, addressRule))
    .optional()
    .describe(
      "The DNS servers, for nodes that have an address of their own. Default: the gateway.",
    ),
  search: z
    .array(textRule({ description: "A DNS domain." }, domainRule))
    .optional()
    .describe("Domains in which short names are looked up."),
  ...hostSettings,
};

export const defaultsSchema = z
  .strictObject(settings)
  .describe("Settings of all nodes; a node's own setting wins.");

export const nodeSchema = z.strictObject({
  name: textRule(
    {
      description: "The node's host name and its name in Kubernetes.",
      pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
      examples: ["worker1"],
    },
    nodeNameRule,
  ),
  role: z
    .enum(ROLES)
    .describe(
      "What the node does: control-plane or worker in Kubernetes, gateway or storage beside it.",
    ),
  ...settings,
  wifi: z
    .union([wifiSchema, z.literal(false)])
    .optional()
    .describe(
      "The Wi-Fi network, or the list of networks, in place of what defaults say; false: this node uses no Wi-Fi.",
    ),
  address: oneOrBoth(
    {
      description:
        "A fixed address with the prefix length of its network, or one of each family. Without one, the network gives it: DHCP, and in an IPv6 cluster the router's advertisements.",
      examples: ["192.168.1.50/24", "fd00::50/64"],
    },
    nodeAddressRule,
    "ADDRESS_INVALID",
  ),
  serves: serviceSchema.optional(),
  joins: z
    .boolean()
    .optional()
    .describe(
      "Whether a storage node is a worker of the Kubernetes cluster as well. Default: false.",
    ),
  card: z
    .strictObject({
      serial: textRule(
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
  mac: textRule(
    {
      description:
        "The Ethernet address of the board that this node is bound to: its card runs in no other, and a gateway knows the board by it.",
      examples: ["d8:3a:dd:01:02:03"],
    },
    macRule,
  ).optional(),
});
