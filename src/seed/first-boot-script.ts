// The seed as a shell script for a system without cloud-init: it does what cloud-init would do, in the same order.
import { parse } from "yaml";
import { z } from "zod";
import { networkdFiles, unknownToNetworkd } from "./network/networkd-files.ts";
import type { Value } from "./library/tree.ts";
import type { Seed } from "./seed.ts";
import { shellWord } from "./shell-assignments.ts";
import { type Unsupported, unsupportedIn } from "./unsupported.ts";

const command = z.union([z.string(), z.array(z.string())]);

/**
 * The keys of cloud-config that our fragments use; any other key, from a user's own fragments, is an error, and so is a value
 * that would ask for something else than what is done.
 */
const cloudConfig = z.strictObject({
  hostname: z.string(),
  timezone: z.string().optional(),
  locale: z.string().optional(),
  users: z
    .array(
      z.strictObject({
        name: z.string(),
        shell: z.string(),
        lock_passwd: z.literal(true),
        ssh_authorized_keys: z.array(z.string()).default([]),
        primary_group: z.string(),
        groups: z.array(z.string()).default([]),
        sudo: z.string().optional(),
      }),
    )
    .default([]),
  ssh_keys: z
    .strictObject({ ed25519_private: z.string(), ed25519_public: z.string() })
    .optional(),
  write_files: z
    .array(
      z.strictObject({
        path: z.string().startsWith("/"),
        content: z.string(),
        permissions: z.string().regex(/^[0-7]{4}$/),
        encoding: z.literal("gz+b64").optional(),
      }),
    )
    .default([]),
  runcmd: z.array(command).default([]),
  // Those of our own fragments are about cloud-init itself, or about apt; the user's are told (check-script.ts).
  apt: z.unknown(),
  bootcmd: z.unknown(),
  disable_root: z.literal(true).optional(),
  manage_etc_hosts: z.literal(false).optional(),
  preserve_hostname: z.literal(false).optional(),
  ssh_deletekeys: z.literal(true).optional(),
  ssh_pwauth: z.literal(false).optional(),
});

type CloudConfig = z.infer<typeof cloudConfig>;

type NodeFile = {
  readonly path: string;
  readonly mode: string;
  readonly data: Buffer;
  readonly gzipped: boolean;
};

const textFile = (path: string, mode: string, text: string): NodeFile => ({
  path,
  mode,
  data: Buffer.from(text, "utf8"),
  gzipped: false,
});

/**
 * Writes a file from base64, so that no byte is special to the shell. The mode is set before the first byte is written,
 * because the file may be a key.
 */
const writeFile = ({ path, mode, data, gzipped }: NodeFile): string =>
  [
    `install -D -m ${mode} /dev/null "$root"${shellWord(path)}`,
    `base64 -d <<'EOT'${gzipped ? " | gunzip" : ""} >"$root"${shellWord(path)}`,
    ...(data.toString("base64").match(/.{1,76}/g) ?? []),
    "EOT",
  ].join("\n");

const configFiles = (config: CloudConfig): readonly NodeFile[] => [
  textFile("/etc/hostname", "0644", `${config.hostname}\n`),
  ...(config.locale === undefined
    ? []
    : [textFile("/etc/locale.conf", "0644", `LANG=${config.locale}\n`)]),
  ...(config.ssh_keys === undefined
    ? []
    : [
        textFile(
          "/etc/ssh/ssh_host_ed25519_key",
          "0600",
          config.ssh_keys.ed25519_private,
        ),
        textFile(
          "/etc/ssh/ssh_host_ed25519_key.pub",
          "0644",
          `${config.ssh_keys.ed25519_public.trimEnd()}\n`,
        ),
      ]),
  ...config.users.flatMap(({ name, sudo }) =>
    sudo === undefined
      ? []
      : [
          textFile(
            `/etc/sudoers.d/pi-image-${name}`,
            "0440",
            `${name} ${sudo}\n`,
          ),
        ],
  ),
  ...config.write_files.map(
    ({ path, content, permissions, encoding }): NodeFile =>
      encoding === undefined
        ? textFile(path, permissions, content)
        : {
            path,
            mode: permissions,
            data: Buffer.from(content, "base64"),
            gzipped: true,
          },
  ),
];

/** The distribution's own users, which are locked because everybody knows their passwords. */
const USERS_OF_THE_IMAGE = ["alarm", "root"];

/** As cloud-init does it: a group that is there is taken. */
export const userCommands = ({
  users,
}: Pick<CloudConfig, "users">): readonly string[] => [
  ...USERS_OF_THE_IMAGE.map((name) => `passwd --lock ${name} || true`),
  ...users.flatMap((user) => {
    const { name, primary_group: group, groups } = user;
    const home = `/home/${name}`;
    return [
      ...[group, ...groups].map(
        (it) =>
          `getent group ${shellWord(it)} >/dev/null || groupadd ${shellWord(it)}`,
      ),
      `id ${shellWord(name)} >/dev/null 2>&1 || useradd --create-home --gid ${shellWord(group)} --shell ${shellWord(user.shell)} ${shellWord(name)}`,
      ...groups.map(
        (it) => `usermod --append --groups ${shellWord(it)} ${shellWord(name)}`,
      ),
      `install -d -m 0700 "$root"${shellWord(`${home}/.ssh`)}`,
      writeFile(
        textFile(
          `${home}/.ssh/authorized_keys`,
          "0600",
          user.ssh_authorized_keys.map((key) => `${key}\n`).join(""),
        ),
      ),
      `chown -R ${shellWord(`${name}:`)} "$root"${shellWord(`${home}/.ssh`)}`,
    ];
  }),
];

const scriptLine = (words: z.infer<typeof command>): string =>
  typeof words === "string" ? words : words.map(shellWord).join(" ");

/** Lets udev name the board's Ethernet as the link files say, while nothing uses it yet. */
const RENAME = [
  "udevadm control --reload || true",
  "udevadm trigger --action=add --subsystem-match=net || true",
  "udevadm settle --timeout=30 || true",
];

/** glibc in Arch Linux ARM has no locale but C until its list asks for one. */
const localeLines = (locale: string | undefined): readonly string[] =>
  locale === undefined || /^(C|POSIX)(\.|$)/.test(locale)
    ? []
    : [
        `sed -i ${shellWord(`s/^#\\(${locale.replaceAll(".", "\\.")} \\)/\\1/`)} /etc/locale.gen && locale-gen || true`,
      ];

const WIFI_ORDER = "/etc/pi-image/wifi-priorities";

type Documents<Document> = {
  readonly userData: Document;
  readonly network: Document;
};

/** What these documents ask for and a script cannot do. */
export const unknownToScript = (
  documents: Documents<Value>,
): Documents<readonly Unsupported[]> => {
  const { error } = cloudConfig.safeParse(documents.userData);
  return {
    userData: error === undefined ? [] : unsupportedIn(error, []),
    network: unknownToNetworkd(documents.network),
  };
};

/** The script for documents in which `unknownToScript` finds nothing. */
export const firstBootScript = (
  seed: Pick<Seed, "userData" | "networkConfig">,
): string => {
  const config = cloudConfig.parse(parse(seed.userData));
  const order = config.write_files.find(({ path }) => path === WIFI_ORDER);
  const network = networkdFiles(seed.networkConfig, order?.content ?? "");
  return [
    "#!/bin/bash",
    "# What cloud-init would do from user-data and network-config, for a system without it. Made by pi-image.",
    "set -euo pipefail",
    "root=${PI_IMAGE_ROOT:-}",
    "# It makes users, keys and a name: on any computer but the card's own it would do harm.",
    `[[ -n $root || \${1:-} == first-boot ]] || { echo "first-boot.sh sets up the system of the card that it lies on, at its first boot; nothing was done here" >&2; exit 1; }`,
    ...[...network, ...configFiles(config)].map((file) =>
      writeFile(
        "data" in file ? file : textFile(file.path, file.mode, file.text),
      ),
    ),
    ...(config.timezone === undefined
      ? []
      : [
          `ln -sf ${shellWord(`/usr/share/zoneinfo/${config.timezone}`)} "$root/etc/localtime"`,
        ]),
    "if [[ -z $root ]]; then",
    `hostnamectl set-hostname ${shellWord(config.hostname)} || true`,
    ...localeLines(config.locale),
    ...userCommands(config),
    ...RENAME,
    ...network.flatMap(({ path }) => {
      const name = /\/wpa_supplicant-(.*)\.conf$/.exec(path)?.[1];
      return name === undefined
        ? []
        : [
            `systemctl enable --now ${shellWord(`wpa_supplicant@${name}.service`)}`,
          ];
    }),
    "systemctl enable systemd-networkd.service systemd-resolved.service systemd-timesyncd.service sshd.service",
    "# Ordered after the unit that runs this: waiting for them would have no end.",
    "systemctl restart --no-block systemd-networkd.service systemd-resolved.service systemd-timesyncd.service sshd.service",
    // As with cloud-init's runcmd, a command that fails does not stop the others.
    ...config.runcmd.map((words) => `( ${scriptLine(words)} ) || true`),
    "fi",
    "",
  ].join("\n");
};
