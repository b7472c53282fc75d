// The seed's network configuration as files of systemd-networkd and wpa_supplicant, for a system without netplan.
import { parse } from "yaml";
import { z } from "zod";
import { EAP_METHODS } from "../../inventory/resolved.ts";
import { type Unsupported, unsupportedIn } from "../unsupported.ts";
import { preSharedKey } from "./access-point.ts";

const route = z.strictObject({
  to: z.string(),
  via: z.string(),
  metric: z.number().optional(),
  "on-link": z.boolean().optional(),
});

/** The part of netplan's format that is translated; whatever else a document has is an error. */
const device = {
  dhcp4: z.boolean().default(false),
  dhcp6: z.boolean().default(false),
  "accept-ra": z.boolean().optional(),
  "dhcp-identifier": z.enum(["mac", "duid"]).optional(),
  optional: z.boolean().optional(),
  mtu: z.number().optional(),
  addresses: z.array(z.string()).default([]),
  routes: z.array(route).default([]),
  nameservers: z
    .strictObject({
      addresses: z.array(z.string()).default([]),
      search: z.array(z.string()).default([]),
    })
    .optional(),
  "dhcp4-overrides": z.strictObject({ "route-metric": z.number() }).optional(),
};

const accessPointNetwork = z.strictObject({
  hidden: z.boolean().optional(),
  password: z.string().optional(),
  auth: z
    .strictObject({
      "key-management": z.enum(["psk", "sae", "eap", "none"]),
      password: z.string().optional(),
      method: z.enum(EAP_METHODS).optional(),
      identity: z.string().optional(),
      "anonymous-identity": z.string().optional(),
      "ca-certificate": z.string().optional(),
      "client-certificate": z.string().optional(),
      "client-key": z.string().optional(),
      "client-key-password": z.string().optional(),
      "phase2-auth": z.string().optional(),
      // Not one of netplan's.
      "domain-suffix-match": z.string().optional(),
    })
    .optional(),
});

const networkConfig = z.strictObject({
  version: z.literal(2),
  renderer: z.literal("networkd").optional(),
  ethernets: z.record(z.string(), z.strictObject(device)).default({}),
  wifis: z
    .record(
      z.string(),
      z.strictObject({
        ...device,
        renderer: z.literal("networkd").optional(),
        "regulatory-domain": z.string().optional(),
        "access-points": z.record(z.string(), accessPointNetwork),
      }),
    )
    .default({}),
});

type Device = z.infer<z.ZodObject<typeof device>>;
type AccessPoint = z.infer<typeof accessPointNetwork>;

export type NetworkdFile = {
  readonly path: string;
  readonly mode: string;
  readonly text: string;
};

/**
 * The board's own Ethernet by all its names. systemd takes its name from the device tree, which makes it `end0`; the link file
 * below makes it `eth0`, as it is called on the other systems and by everything that runs on the node.
 * https://github.com/systemd/systemd/issues/25444
 */
const BOARD_ETHERNET = ["eth0", "end0"];

/** On the USB of a Pi 3 there can be other adapters of these makers, elsewhere only others. */
const boardLinks: readonly NetworkdFile[] = [
  ["05-pi-image-eth0.link", "Driver=bcmgenet macb"],
  [
    "05-pi-image-eth0-usb.link",
    "Driver=lan78xx smsc95xx\nPath=platform-3f980000.usb-*",
  ],
].map(([name, match]) => ({
  path: `/etc/systemd/network/${name}`,
  mode: "0644",
  text: `[Match]\n${match}\n[Link]\nName=eth0\n`,
}));

const dhcpOf = ({ dhcp4, dhcp6 }: Device): string =>
  dhcp4 && dhcp6 ? "yes" : dhcp4 ? "ipv4" : dhcp6 ? "ipv6" : "no";

const yesNo = (value: boolean): string => (value ? "yes" : "no");

const routeLines = ({
  to,
  via,
  metric,
  "on-link": onLink,
}: z.infer<typeof route>): readonly string[] => [
  "[Route]",
  `Gateway=${via}`,
  ...(to === "default" ? [] : [`Destination=${to}`]),
  ...(metric === undefined ? [] : [`Metric=${metric}`]),
  ...(onLink === true ? ["GatewayOnLink=yes"] : []),
];

/** https://www.freedesktop.org/software/systemd/man/latest/systemd.network.html */
const networkFile = (name: string, settings: Device): NetworkdFile => {
  const metric = settings["dhcp4-overrides"]?.["route-metric"];
  const ra = settings["accept-ra"];
  const identifier = settings["dhcp-identifier"];
  return {
    // Sorts before the image's own files, because networkd takes the first file that fits.
    path: `/etc/systemd/network/05-pi-image-${name}.network`,
    mode: "0644",
    text: [
      "[Match]",
      `Name=${BOARD_ETHERNET.includes(name) ? BOARD_ETHERNET.join(" ") : name}`,
      "[Link]",
      `RequiredForOnline=${settings.optional === true ? "no" : "yes"}`,
      ...(settings.mtu === undefined ? [] : [`MTUBytes=${settings.mtu}`]),
      "[Network]",
      `DHCP=${dhcpOf(settings)}`,
      "MulticastDNS=yes",
      ...(ra === undefined ? [] : [`IPv6AcceptRA=${yesNo(ra)}`]),
      ...settings.addresses.map((address) => `Address=${address}`),
      ...(settings.nameservers?.addresses ?? []).map((dns) => `DNS=${dns}`),
      ...(settings.nameservers?.search ?? []).map((name) => `Domains=${name}`),
      ...settings.routes.flatMap(routeLines),
      ...(metric === undefined && identifier === undefined ? [] : ["[DHCPv4]"]),
      ...(metric === undefined ? [] : [`RouteMetric=${metric}`]),
      ...(identifier === undefined ? [] : [`ClientIdentifier=${identifier}`]),
      "",
    ].join("\n"),
  };
};

/** The octets of a name that is escaped as for netplan (access-point.ts). */
const octetsOf = (name: string): Buffer =>
  Buffer.concat(
    (name.match(/\\x[0-9a-f]{2}|\\\\|[^\\]+|\\/g) ?? []).map((part) =>
      part.startsWith("\\x")
        ? Buffer.from(part.slice(2), "hex")
        : Buffer.from(part === "\\\\" ? "\\" : part, "utf8"),
    ),
  );

/** https://w1.fi/cgit/hostap/plain/wpa_supplicant/wpa_supplicant.conf; texts as octets, as below. */
const enterpriseLines = (
  auth: NonNullable<AccessPoint["auth"]>,
): readonly string[] => {
  const quoted = (text: string) => `"${text}"`;
  const octets = (text: string) => Buffer.from(text).toString("hex");
  return [
    "  key_mgmt=WPA-EAP",
    `  eap=${(auth.method ?? "peap").toUpperCase()}`,
    ...(
      [
        ["identity", auth.identity, octets],
        ["anonymous_identity", auth["anonymous-identity"], octets],
        ["password", auth.password, octets],
        ["ca_cert", auth["ca-certificate"], quoted],
        ["client_cert", auth["client-certificate"], quoted],
        ["private_key", auth["client-key"], quoted],
        ["private_key_passwd", auth["client-key-password"], octets],
        ["domain_suffix_match", auth["domain-suffix-match"], quoted],
        [
          "phase2",
          auth["phase2-auth"] && `auth=${auth["phase2-auth"]}`,
          quoted,
        ],
      ] as const
    ).flatMap(([key, text, write]) =>
      text === undefined ? [] : [`  ${key}=${write(text)}`],
    ),
  ];
};

/**
 * The name and a passphrase are written in hexadecimal digits, so that no character in them is special; WPA2's key is derived, for
 * the same reason. https://w1.fi/cgit/hostap/tree/src/utils/common.c?h=hostap_2_10 (wpa_config_parse_string)
 */
const networkBlock = (
  name: string,
  { hidden, password, auth }: AccessPoint,
  priority: string | undefined,
): string => {
  const secret = auth?.password ?? password;
  const management = auth?.["key-management"];
  const ssid = octetsOf(name);
  const key = (text: string) => [`  psk=${preSharedKey(text, ssid)}`];
  const sae = (text: string) => [
    `  sae_password=${Buffer.from(text).toString("hex")}`,
  ];
  return [
    "network={",
    `  ssid=${ssid.toString("hex")}`,
    ...(priority === undefined ? [] : [`  priority=${priority}`]),
    ...(hidden === true ? ["  scan_ssid=1"] : []),
    ...(auth?.["key-management"] === "eap"
      ? enterpriseLines(auth)
      : secret === undefined
        ? ["  key_mgmt=NONE"]
        : management === "sae"
          ? ["  key_mgmt=SAE", "  ieee80211w=2", ...sae(secret)]
          : management === "psk"
            ? ["  key_mgmt=WPA-PSK", ...key(secret)]
            : [
                "  key_mgmt=WPA-PSK SAE",
                "  ieee80211w=1",
                ...key(secret),
                ...sae(secret),
              ]),
    "}",
    "",
  ].join("\n");
};

/** Lines `number name`, as `wifiPriorities` writes them, by name. */
const prioritiesIn = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text
      .split("\n")
      .map((line) => /^(\d+) (.*)$/.exec(line) ?? [])
      .map(([, number = "", name = ""]) => [name, number]),
  );

const filesOf = (
  network: z.infer<typeof networkConfig>,
  priorities: ReadonlyMap<string, string>,
): readonly NetworkdFile[] => [
  ...boardLinks,
  ...Object.entries(network.ethernets).map(([name, settings]) =>
    networkFile(name, settings),
  ),
  ...Object.entries(network.wifis).flatMap(([name, settings]) => [
    networkFile(name, settings),
    {
      path: `/etc/wpa_supplicant/wpa_supplicant-${name}.conf`,
      mode: "0600",
      text: [
        "ctrl_interface=/run/wpa_supplicant",
        ...(settings["regulatory-domain"] === undefined
          ? []
          : [`country=${settings["regulatory-domain"]}`]),
        ...Object.entries(settings["access-points"]).map(([ssid, point]) =>
          networkBlock(ssid, point, priorities.get(ssid)),
        ),
      ].join("\n"),
    },
  ]),
];

/** With or without `network:` at the top, as cloud-init takes it. */
const networkIn = (document: unknown) => {
  const wrapped =
    typeof document === "object" && document !== null && "network" in document
      ? { top: ["network"], network: document.network }
      : { top: [], network: document };
  return { top: wrapped.top, parsed: networkConfig.safeParse(wrapped.network) };
};

/** What a document in netplan's format asks for and these files cannot say. */
export const unknownToNetworkd = (
  document: unknown,
): readonly Unsupported[] => {
  const { top, parsed } = networkIn(document);
  return parsed.success ? [] : unsupportedIn(parsed.error, top);
};

/**
 * Files for the node's interfaces, of which the Wi-Fi's holds its secret; for a document in which `unknownToNetworkd` finds nothing.
 * @param order lines `number name` of the Wi-Fi networks, the highest number first; empty for one network or none
 */
export const networkdFiles = (
  text: string,
  order: string,
): readonly NetworkdFile[] => {
  const { parsed } = networkIn(parse(text));
  if (!parsed.success) {
    throw parsed.error;
  }
  return filesOf(parsed.data, prioritiesIn(order));
};
