// The seed as a script, for Arch Linux ARM: what it says of the network, and what it cannot do is told with its place.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import {
  accessPoints,
  wifiPriorities,
} from "../../src/seed/network/access-point.ts";
import {
  networkdFiles,
  unknownToNetworkd,
} from "../../src/seed/network/networkd-files.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCli } from "../support/run-cli.ts";
import { homeWifi } from "./sample-project.ts";

const filesOf = (text: string, order = "") =>
  new Map(networkdFiles(text, order).map((file) => [file.path, file.text]));

describe("networkd's files", () => {
  it("keep the order of the Wi-Fi networks, and each octet of their names", () => {
    const wifi = [
      { ...homeWifi, ssid: "home" },
      // JavaScript puts such a key first.
      { ...homeWifi, ssid: "2024" },
      { ...homeWifi, ssid: String.raw`C:\net "x" # y` },
      { ...homeWifi, ssid: Buffer.from([0xff, 0x00, 0x5c, 0x22]) },
    ];
    const text = stringify({
      network: {
        version: 2,
        wifis: {
          wlan0: {
            dhcp4: true,
            "access-points": accessPoints({
              base: "archlinuxarm",
              network: {
                uplink: "wlan0",
                addressing: { method: "dhcp" },
                ipv6: "base",
                wifi,
              },
            }),
          },
        },
      },
    });
    const files = filesOf(text, wifiPriorities(wifi));
    const written = files.get("/etc/wpa_supplicant/wpa_supplicant-wlan0.conf");
    const order = [
      ...(written ?? "").matchAll(/ {2}ssid=(.*)\n {2}priority=(.*)\n/g),
    ].map(([, ssid = "", priority]) => [Number(priority), ssid] as const);
    expect(order.toSorted(([a], [b]) => b - a).map(([, ssid]) => ssid)).toEqual(
      wifi.map(({ ssid }) => Buffer.from(ssid).toString("hex")),
    );
  });

  it("name the board's Ethernet as all other systems do, and know it under its other name", () => {
    const files = filesOf(
      "version: 2\nethernets: {eth0: {dhcp4: true}, usb0: {dhcp6: true, mtu: 1400, routes: [{to: 10.0.0.0/8, via: 10.1.0.1, metric: 5}]}}\n",
    );
    const file = (name: string) => files.get(`/etc/systemd/network/${name}`);
    expect(file("05-pi-image-eth0.network")).toContain(
      "[Match]\nName=eth0 end0\n",
    );
    expect(file("05-pi-image-eth0.link")).toBe(
      "[Match]\nDriver=bcmgenet macb\n[Link]\nName=eth0\n",
    );
    expect(file("05-pi-image-usb0.network")).toBe(
      "[Match]\nName=usb0\n[Link]\nRequiredForOnline=yes\nMTUBytes=1400\n[Network]\nDHCP=ipv6\nMulticastDNS=yes\n[Route]\nGateway=10.1.0.1\nDestination=10.0.0.0/8\nMetric=5\n",
    );
  });

  it.each([
    ["[]", ["", "expected object, received array"]],
    ["null", ["", "expected object, received null"]],
    ["network: 5", ["network", "expected object, received number"]],
    ["version: 1", ["version", "expected 2"]],
    ["version: 2\nbridges: {br0: {}}", ["bridges", undefined]],
    [
      "network:\n  version: 2\n  ethernets: {eth0: {match: {name: e*}}}",
      ["network.ethernets.eth0.match", undefined],
    ],
    [
      "network: {version: 2, wifis: {wlan0: {access-points: {a: {auth: {key-management: 802.1x}}}}}}",
      [
        "network.wifis.wlan0.access-points.a.auth.key-management",
        expect.stringContaining("psk"),
      ],
    ],
  ])("are not made of %j", (text, [path, why]) => {
    expect(unknownToNetworkd(parse(text))).toEqual([
      { path: path === "" ? [] : String(path).split("."), why },
    ]);
  });
});

const NETWORK = "cloud-init/network/uplink-eth0-dhcp.yaml";
const FRAGMENT = "cloud-init/fragments/host/time-and-language.yaml";

/** What `check` says of a node of Arch Linux ARM, beside this file of the user's own. */
const check = async (path: string, text: string) => {
  const cwd = await temporaryFolder();
  await mkdir(dirname(join(cwd, path)), { recursive: true });
  await writeFile(join(cwd, path), text);
  await writeFile(
    join(cwd, "cluster.yaml"),
    `cluster: {name: homelab}
defaults:
  users: [{name: ana, sshKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x]}]
nodes:
  - {name: cplane, role: control-plane}
  - {name: arch, role: worker, base: archlinuxarm}
`,
  );
  const { status, stderr } = await runCli(["check"], { cwd });
  const place = stderr.match(/--> \S*?(cloud-init\/\S+)/)?.[1];
  return { status, stderr, place };
};

describe("what Arch Linux ARM has no counterpart of", () => {
  it.each([
    // Without the uplink a document is wrong on every system, and that is said first.
    [NETWORK, "network: []\n", 1, "the node would have no network"],
    [
      NETWORK,
      "network:\n  version: 2\n  ethernets:\n    eth0: {dhcp4: true}\n  vlans:\n    vlan7: {id: 7, link: eth0}\n",
      5,
      "cannot do what network.vlans asks for\n",
    ],
    [
      NETWORK,
      "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n      set-name: lan\n",
      6,
      "cannot do what network.ethernets.eth0.set-name asks for\n",
    ],
    [
      FRAGMENT,
      "#cloud-config\ntimezone: ${node.timezone}\nbootcmd:\n  - echo own\n",
      4,
      "nothing there runs bootcmd\n",
    ],
    [
      FRAGMENT,
      "#cloud-config\ntimezone: ${node.timezone}\nbootcmd:\n  - - echo\n    - own\n  - echo two\n",
      4,
      "nothing there runs bootcmd\n",
    ],
    [
      FRAGMENT,
      "#cloud-config\ntimezone: ${node.timezone}\nssh_pwauth: true\n",
      3,
      "ssh_pwauth",
    ],
    [
      FRAGMENT,
      "#cloud-config\nwrite_files:\n  - path: /etc/motd\n    content: hello\n    permissions: '0644'\n    owner: ana:ana\n",
      6,
      "write_files.",
    ],
  ])("in %s is an error: %j", async (path, text, line, message) => {
    const { status, stderr, place } = await check(path, text);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
    expect(place).toMatch(new RegExp(`^${path}:${line}:`));
  });

  it("is only a warning where it is about apt, and nothing where it is ours", async () => {
    const own = await check(
      FRAGMENT,
      "#cloud-config\napt:\n  sources:\n    mine: {source: deb http://x.lan/ trixie main}\n",
    );
    expect(own.stderr).toContain(
      "warning[FRAGMENT_UNSUPPORTED]: arch has no apt on Arch Linux ARM, so that this does nothing there",
    );
    expect(own.place).toBe(`${FRAGMENT}:3:3`);
    expect(own.status).toBe(0);
    const ours = await check("cloud-init/files/none", "");
    expect(ours.stderr).not.toContain("FRAGMENT_UNSUPPORTED");
  });
});
