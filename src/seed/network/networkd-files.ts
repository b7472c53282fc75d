// The seed's network configuration as files of systemd-networkd and wpa_supplicant, for a system without netplan.
import { parse } from "yaml";
import { z } from "zod";

const route = z.strictObject({ to: z.literal("default"), via: z.string() });

/** The part of netplan's format that cloud-init/network/ uses. */
const device = {
  dhcp4: z.boolean(),
  optional: z.boolean().optional(),
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

const accessPointNetwork = z.looseObject({
  hidden: z.boolean().optional(),
  password: z.string().optional(),
  auth: z
    .strictObject({
      "key-management": z.enum(["psk", "sae", "none"]),
      password: z.string().optional(),
    })
    .optional(),
});

const networkConfig = z.object({
  network: z.object({
    ethernets: z.record(z.string(), z.object(device)).default({}),
    wifis: z
      .record(
        z.string(),
        z.object({
          ...device,
          "regulatory-domain": z.string().optional(),
          "access-points": z.record(z.string(), accessPointNetwork),
        }),
      )
      .default({}),
  }),
});

type Device = z.infer<z.ZodObject<typeof device>>;
type AccessPoint = z.infer<typeof accessPointNetwork>;

export type NetworkdFile = {
  readonly path: string;
  readonly mode: string;
  readonly text: string;
};

/** https://www.freedesktop.org/software/systemd/man/latest/systemd.network.html */
const networkFile = (name: string, settings: Device): NetworkdFile => {
  const metric = settings["dhcp4-overrides"]?.["route-metric"];
  return {
    // Sorts before the image's own files, because networkd takes the first file that fits.
    path: `/etc/systemd/network/05-pi-image-${name}.network`,
    mode: "0644",
    text: [
      "[Match]",
      `Name=${name}`,
      "[Link]",
      `RequiredForOnline=${settings.optional === true ? "no" : "yes"}`,
      "[Network]",
      `DHCP=${settings.dhcp4 ? "ipv4" : "no"}`,
      ...settings.addresses.map((address) => `Address=${address}`),
      ...settings.routes.map(({ via }) => `Gateway=${via}`),
      ...(settings.nameservers?.addresses ?? []).map((dns) => `DNS=${dns}`),
      ...(settings.nameservers?.search ?? []).map((name) => `Domains=${name}`),
      ...(metric === undefined ? [] : ["[DHCPv4]", `RouteMetric=${metric}`]),
      "",
    ].join("\n"),
  };
};

/** A password of 64 hexadecimal digits is a key, and anything else a passphrase. */
const psk = (password: string): string =>
  /^[0-9a-f]{64}$/i.test(password) ? password : `"${password}"`;

/** The name is written in hexadecimal digits, so that no character in it is special. */
const networkBlock = (
  ssid: string,
  { hidden, password, auth }: AccessPoint,
): string => {
  const secret = auth?.password ?? password;
  const management = auth?.["key-management"];
  return [
    "network={",
    `  ssid=${Buffer.from(ssid, "utf8").toString("hex")}`,
    ...(hidden === true ? ["  scan_ssid=1"] : []),
    ...(secret === undefined
      ? ["  key_mgmt=NONE"]
      : management === "sae"
        ? ["  key_mgmt=SAE", "  ieee80211w=2", `  sae_password="${secret}"`]
        : management === "psk"
          ? ["  key_mgmt=WPA-PSK", `  psk=${psk(secret)}`]
          : [
              "  key_mgmt=WPA-PSK SAE",
              "  ieee80211w=1",
              `  psk=${psk(secret)}`,
            ]),
    "}",
    "",
  ].join("\n");
};

/** Files for the node's interfaces; the Wi-Fi's holds its secret. */
export const networkdFiles = (text: string): readonly NetworkdFile[] => {
  const { network } = networkConfig.parse(parse(text));
  return [
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
            networkBlock(ssid, point),
          ),
        ].join("\n"),
      },
    ]),
  ];
};
