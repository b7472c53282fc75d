// Files for what the inventory asks of a node's system: time servers, proxy, updates, logs and packages.
import { wantedPackages } from "../inventory/node-packages.ts";
import { systemFacts } from "../inventory/boards/systems.ts";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { adapterAddress } from "../inventory/wifi-adapters.ts";
import type { Problem } from "../report/problem.ts";
import type { Library } from "./library/library.ts";
import { familiesOf } from "../kubernetes/addresses.ts";
import { kubeadmAction } from "./node-facts.ts";
import { proxyFiles } from "./proxy-files.ts";
import { clockFiles, timeServers } from "./cluster-time.ts";
import type { SuppliedFile } from "./supplied-files.ts";

const PHASES = "usr/local/lib/pi-image/phases";

/**
 * Both services that distributions have; each reads its own. chrony.conf of Debian and Ubuntu reads every file of that folder, and
 * `prefer` sets ours before those of the distribution.
 * https://www.freedesktop.org/software/systemd/man/latest/timesyncd.conf.html
 * https://chrony-project.org/doc/4.5/chrony.conf.html#sourcedir
 */
const timeServerFiles = (
  servers: readonly string[],
  offline: boolean,
): SuppliedFile[] =>
  servers.length === 0 && !offline
    ? []
    : [
        {
          path: "/etc/systemd/timesyncd.conf.d/90-pi-image.conf",
          mode: "0644",
          text: `[Time]\nNTP=${servers.join(" ")}\nFallbackNTP=\n`,
        },
        {
          path: "/etc/chrony/sources.d/pi-image.sources",
          mode: "0644",
          text: servers
            .map((server) => `server ${server} iburst prefer\n`)
            .join(""),
        },
        // Its own setting gives up on a clock that is far off after three answers.
        ...(offline
          ? [
              {
                path: "/etc/chrony/conf.d/pi-image.conf",
                mode: "0644",
                text: "makestep 1 -1\n",
              } as const,
            ]
          : []),
      ];

/** Of rsyslog, which Ubuntu has, only the drop-in knows: it does not start where the journal is kept in memory. */
const logFiles = ({ logs }: ResolvedNode["host"]): SuppliedFile[] =>
  logs === undefined
    ? []
    : [
        {
          path: "/etc/systemd/journald.conf.d/90-pi-image.conf",
          mode: "0644",
          text: "[Journal]\nStorage=volatile\nRuntimeMaxUse=64M\nForwardToSyslog=no\n",
        },
        {
          path: "/etc/systemd/system/rsyslog.service.d/pi-image.conf",
          mode: "0644",
          text: "[Unit]\nConditionPathExists=!/etc/systemd/journald.conf.d/90-pi-image.conf\n",
        },
      ];

/**
 * The name sorts behind 20auto-upgrades and 50unattended-upgrades, of which the last value counts. Which archives count as
 * security is left to the distribution. Nothing restarts the node by itself.
 */
const updateFiles = ({ updates }: ResolvedNode["host"]): SuppliedFile[] =>
  updates === undefined
    ? []
    : [
        {
          path: "/etc/apt/apt.conf.d/95-pi-image-updates",
          mode: "0644",
          text: [
            `APT::Periodic::Update-Package-Lists "${updates === "off" ? 0 : 1}";`,
            `APT::Periodic::Unattended-Upgrade "${updates === "off" ? 0 : 1}";`,
            'Unattended-Upgrade::Automatic-Reboot "false";',
            "",
          ].join("\n"),
        },
      ];

/**
 * Power save makes a node answer late or not at all. NetworkManager's profiles say so themselves (keyfile-access-point.ts); elsewhere
 * the kernel's default is to save. https://wireless.docs.kernel.org/en/latest/en/users/documentation/iw.html
 */
const savesPower = ({ base, network }: ResolvedNode): boolean =>
  network.uplink === "wlan0" && systemFacts(base).renderer === "networkd";

const WIFI_RULE: SuppliedFile = {
  path: "/etc/udev/rules.d/90-pi-image-wifi.rules",
  mode: "0644",
  text: 'ACTION=="add", SUBSYSTEM=="net", ENV{DEVTYPE}=="wlan", RUN+="/usr/sbin/iw dev $name set power_save off"\n',
};

/**
 * On a system without cloud-init the first boot gives an adapter on USB the name that the inventory has for it: systemd's own name
 * tells the socket.
 */
const adapterFiles = ({
  base,
  network,
  host,
}: ResolvedNode): SuppliedFile[] => {
  const name = host.link.interface;
  if (
    systemFacts(base).cloudInit ||
    network.uplink !== "wlan0" ||
    name === undefined
  ) {
    return [];
  }
  const address = adapterAddress(name);
  const match =
    address === undefined
      ? "Path=*-usb-*"
      : `PermanentMACAddress=${address.match(/../g)?.join(":") ?? ""}`;
  return [
    {
      path: "/etc/systemd/network/05-pi-image-wifi.link",
      mode: "0644",
      text: `[Match]\nType=wlan\n${match}\n[Link]\nName=${name}\n`,
    },
  ];
};

const phase = (files: Library["files"], name: string): SuppliedFile => ({
  path: `/${PHASES}/${name}`,
  mode: "0755",
  text: files.get(`${PHASES}/${name}`) ?? "",
});

/**
 * Packets of pods are forwarded in IPv6, too. A machine that forwards takes no advertisements of routers any more, by which its
 * own way out would die after half an hour; networkd and NetworkManager take them in the kernel's place, networkd because the
 * network configuration says so (network/link-settings.ts).
 * https://docs.kernel.org/networking/ip-sysctl.html (accept_ra, forwarding)
 */
const ipv6Files = (
  project: ResolvedProject,
  node: ResolvedNode,
): SuppliedFile[] =>
  familiesOf(project).includes(6) && kubeadmAction(project, node) !== "beside"
    ? [
        {
          path: "/etc/sysctl.d/90-pi-image-ipv6.conf",
          mode: "0644",
          text: "net.ipv6.conf.all.forwarding = 1\nnet.ipv6.conf.default.forwarding = 1\n",
        },
      ]
    : [];

/** `files` are the library's, for the phases that only such nodes have. */
export const hostFiles = (
  project: ResolvedProject,
  node: ResolvedNode,
  files: Library["files"],
): readonly SuppliedFile[] => {
  const { host } = node;
  const late = [
    ...timeServerFiles(timeServers(project, node), project.cluster.offline),
    ...clockFiles(project, node, files),
    ...logFiles(host),
  ];
  return [
    ...late,
    ...(systemFacts(node.base).cloudInit ? updateFiles(host) : []),
    ...proxyFiles(project, node),
    ...ipv6Files(project, node),
    ...(late.length === 0 ? [] : [phase(files, "11-host")]),
    ...(wantedPackages(node).length === 0 ? [] : [phase(files, "65-extras")]),
    ...adapterFiles(node),
    ...(savesPower(node) ? [WIFI_RULE, phase(files, "66-wifi")] : []),
  ];
};

/** Reports settings that the inventory allows but the node's base has no use for. */
export const checkHostSettings = (
  node: ResolvedNode,
  report: (problem: Problem) => void,
): void => {
  const { securityUpdates, archive } = systemFacts(node.base);
  if (node.host.updates === "security" && !securityUpdates) {
    report({
      code: "SETTING_UNSUPPORTED",
      severity: "error",
      message: `${node.name} is made from ${archive.title}, which has no security updates apart from updates of everything`,
      hint: "set updates: off for this node, or use another base",
    });
  }
};
