// The text of the cluster.yaml that `pi-image init` writes: short, commented, and ready to build.
import { BOARDS } from "./boards/boards.ts";
import { CNIS, type Role } from "./resolved.ts";
import { listed } from "./wording.ts";

export type InitAnswers = {
  readonly clusterName: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly role: Role;
    /** With prefix length; undefined for a node that uses DHCP. */
    readonly address?: string | undefined;
  }[];
  /** The router, where nodes have addresses. */
  readonly gateway?: string | undefined;
  readonly user: {
    readonly name: string;
    /** References (`file:...`) or whole lines of public keys. */
    readonly sshKeys: readonly string[];
  };
  readonly wifi?:
    | {
        readonly ssid: string;
        readonly country: string;
        /** A reference such as env:WIFI_PASSWORD, never the password; undefined for an open network. */
        readonly password: string | undefined;
      }
    | undefined;
  readonly timezone?: string | undefined;
  readonly board?: string | undefined;
};

/** Where editors find the schema: the package's own file, as the registry serves it. */
const SCHEMA_URL = "https://unpkg.com/pi-image/profiles/cluster.schema.json";

const PLAIN = /^[A-Za-z][A-Za-z0-9._~/:+-]*[A-Za-z0-9]$/;
const ADDRESS = /^\d+\.\d+\.\d+\.\d+(\/\d+)?$/;
const NOT_A_STRING = /^(true|false|null)$/i;

/** A value in a form that YAML reads back unchanged: plain where that is safe, otherwise in quotes (JSON is YAML). */
const scalar = (value: string): string =>
  (PLAIN.test(value) || ADDRESS.test(value)) && !NOT_A_STRING.test(value)
    ? value
    : JSON.stringify(value);

const nodeLine = ({
  name,
  role,
  address,
}: InitAnswers["nodes"][number]): string =>
  `  - {name: ${scalar(name)}, role: ${role}${address === undefined ? "" : `, address: ${scalar(address)}`}}`;

const userLines = ({ user }: InitAnswers): readonly string[] => {
  const keys = user.sshKeys.map(scalar).join(", ");
  return [
    "  # Who can log in, and with which public keys. There are no passwords.",
    ...(user.sshKeys.length === 0
      ? [
          "  # No key was found: make one with `ssh-keygen -t ed25519`, then add",
          '  # "file:~/.ssh/id_ed25519.pub" to sshKeys.',
        ]
      : []),
    `  users: [{name: ${scalar(user.name)}, sshKeys: [${keys}]}]`,
  ];
};

const wifiLines = ({ wifi }: InitAnswers): readonly string[] => {
  if (wifi === undefined) {
    return [
      "  # Without a cable: the password is a reference, never the password itself.",
      "  # wifi: {ssid: home, country: ES, password: env:WIFI_PASSWORD}",
    ];
  }
  const password =
    wifi.password === undefined
      ? "security: open"
      : `password: ${scalar(wifi.password)}`;
  return [
    "  # The password is a reference (env:, file:, exec:, prompt), never the password itself.",
    `  wifi: {ssid: ${scalar(wifi.ssid)}, country: ${scalar(wifi.country)}, ${password}}`,
  ];
};

const gatewayLines = ({ gateway }: InitAnswers): readonly string[] =>
  gateway === undefined
    ? []
    : [
        "  # The router, for nodes that have an address of their own.",
        `  gateway: ${scalar(gateway)}`,
      ];

/** The whole file, with a line break at the end. What it says is checked by loading it, not here. */
export const initTemplate = (answers: InitAnswers): string =>
  [
    `# yaml-language-server: $schema=${SCHEMA_URL}`,
    "# The cluster that `pi-image build` makes images for. docs/reference/inventory.md has every key.",
    "",
    "cluster:",
    `  name: ${scalar(answers.clusterName)}`,
    "  # A minor in quotes; its newest patch is installed.",
    '  kubernetes: "1.36"',
    "  # Neither range may be in use in your network.",
    "  podSubnet: 10.244.0.0/16",
    "  serviceSubnet: 10.96.0.0/12",
    `  # ${listed(CNIS, "or")}`,
    "  cni: flannel",
    "",
    "# What all nodes share; a node's own setting wins.",
    "defaults:",
    `  # ${listed(BOARDS, "or")}`,
    `  board: ${scalar(answers.board ?? "pi5")}`,
    "  base: ubuntu-24.04",
    "  # sd, nvme (you flash the NVMe disk), sd-to-nvme (the card fills it), or with a USB disk",
    "  storage: sd",
    `  timezone: ${scalar(answers.timezone ?? "Etc/UTC")}`,
    ...userLines(answers),
    ...wifiLines(answers),
    ...gatewayLines(answers),
    "",
    "# A node without `address` gets one by DHCP and is found by its name.",
    "# A fixed one: address: 192.168.1.50/24, and gateway: 192.168.1.1 here or above.",
    "nodes:",
    ...answers.nodes.map(nodeLine),
    "",
  ].join("\n");
