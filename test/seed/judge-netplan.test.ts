// Netplan takes every network that we write, and makes of it what we mean.
import {
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { ResolvedNode } from "../../src/inventory/resolved.ts";
import { uplinkDevice } from "../../src/inventory/uplink-device.ts";
import { renderSeed } from "./render-seed.ts";
import { describeWithTools, hasTool } from "../support/tools.ts";
import {
  homeWifi,
  sampleNode,
  sampleProject,
  seedInput,
} from "./sample-project.ts";
import { judge } from "./judge.ts";
import { KEYFILE_TOOLS, profilesIn } from "./network-manager.ts";
import { parseWpa } from "./wpa-supplicant.ts";
import { asRoot, netplanJudges } from "./netplan-judges.ts";
import { seeds, type CloudConfig } from "./golden-seeds.ts";

const judges = await netplanJudges();

const isByNetworkManager = ({ seed }: (typeof seeds)[number]): boolean =>
  seed.networkConfig.includes("renderer: NetworkManager");

/** Without those of a system that has no netplan. */
const byNetworkd = seeds.filter(
  (each) => !isByNetworkManager(each) && each.seed.firstBoot === undefined,
);
const byNetworkManager = seeds.filter(isByNetworkManager);

const hex = (name: string | Uint8Array): string =>
  Buffer.from(name).toString("hex");

const writeBelow = (root: string, path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};

/** "Online" waits for the uplink and for nothing else. */
const expectOnlineBy = (
  root: string,
  uplink: string,
  other: string | undefined,
): void => {
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  const unit = (name: string) =>
    read(`run/systemd/network/10-netplan-${name}.network`);
  const waiting =
    "run/systemd/system/systemd-networkd-wait-online.service.d/10-netplan.conf";
  expect(unit(uplink)).not.toContain("RequiredForOnline=no");
  if (other === undefined) {
    return;
  }
  if (!existsSync(join(root, waiting))) {
    expect(unit(other)).toContain("RequiredForOnline=no\n");
  } else if (asRoot) {
    expect(read(waiting)).toContain(`-i ${uplink}:degraded\n`);
    expect(read(waiting)).not.toContain(other);
  }
};

describe("netplan", () => {
  it("is there with WPA3 wherever Debian or Ubuntu can be had", () => {
    expect(!hasTool("apt-get") || judges.some(({ knowsSae }) => knowsSae)).toBe(
      true,
    );
  });
});

for (const { title, generate, knowsSae } of judges)
  describeWithTools(
    ["ip", "netplan", "unshare", ...KEYFILE_TOOLS],
    `NetworkManager by ${title}`,
    () => {
      it.each(byNetworkManager)(
        "has the Wi-Fi of $name",
        ({ name, node, seed }) => {
          const { root, status, output } = generate(name, seed.networkConfig);
          if (!knowsSae && seed.networkConfig.includes("sae")) {
            expect(output).toContain("unknown key management type 'sae'");
            return;
          }
          expect({ status, output }).toEqual({ status: 0, output: "" });
          const { uplink, wifi } = node.network;
          expect(
            profilesIn(root)
              .toSorted((a, b) => b.priority - a.priority)
              .map(({ ssid, hidden, psk, powersave }) => ({
                ssid,
                hidden,
                psk,
                powersave,
              })),
          ).toEqual(
            wifi.map(({ ssid, hidden, password, eap }) => ({
              ssid: hex(ssid),
              hidden,
              psk: eap === undefined ? (password?.reveal() ?? null) : null,
              powersave: uplink === "wlan0" ? 2 : 0,
            })),
          );
        },
      );

      it("is judged by at least two seeds", () => {
        expect(byNetworkManager.length).toBeGreaterThan(1);
      });
    },
  );

for (const { title, generate, knowsSae, since11 } of judges)
  describeWithTools(
    ["ip", "netplan", "unshare", "wpa_supplicant"],
    title,
    () => {
      it.each(byNetworkd)(
        "accepts the network of $name",
        ({ name, node, seed }) => {
          const { root, status, output } = generate(name, seed.networkConfig);
          if (!knowsSae && seed.networkConfig.includes("key-management: sae")) {
            expect(output).toContain("unknown key management type 'sae'");
            return;
          }
          expect({ status, output }).toEqual({ status: 0, output: "" });
          const { uplink, wifi, addressing, ipv6 } = node.network;
          const device = uplinkDevice(node);
          const unit = readFileSync(
            join(root, `run/systemd/network/10-netplan-${device}.network`),
            "utf8",
          );
          for (const line of addressing.method === "dhcp"
            ? [ipv6 === "router" ? "DHCP=yes" : "DHCP=ipv4"]
            : [
                ...addressing.addresses.map((address) => `Address=${address}`),
                ...addressing.gateways.map((via) => `Gateway=${via}`),
              ]) {
            expect(unit).toContain(`${line}\n`);
          }
          // Without the line networkd takes no advertisements on a machine that forwards.
          expect(/^IPv6AcceptRA=(.*)$/m.exec(unit)?.[1]).toBe(
            { base: undefined, router: "yes", fixed: "no" }[ipv6],
          );
          const other = uplink === "eth0" ? "wlan0" : "eth0";
          const written = seed.networkConfig.includes(`    ${other}:\n`);
          expect(written).toBe(other === "eth0" || wifi.length > 0);
          expectOnlineBy(root, device, written ? other : undefined);
          if (wifi.length > 0) {
            const { ssids, errors } = parseWpa(asSince11(root));
            // Netplan takes the networks from a hash table.
            expect({ ssids: ssids.toSorted(), errors }).toEqual({
              ssids: wifi
                .map(({ ssid }) => Buffer.from(ssid).toString("hex"))
                .toSorted(),
              errors: [],
            });
          }
        },
      );

      it("joins the preferred of several networks", () => {
        const many = byNetworkd.filter(
          ({ node }) => node.network.wifi.length > 1,
        );
        expect(many.length).toBeGreaterThan(1);
        for (const { name, node, seed } of many) {
          const { root } = generate(`ranked/${name}`, seed.networkConfig);
          const path = asSince11(root);
          const { write_files } = parse(seed.userData) as CloudConfig;
          for (const { path, content } of write_files) {
            if (path.endsWith("/wifi-priorities")) {
              writeBelow(root, path, content);
            }
          }
          const run = () =>
            judge("env", [
              `PI_IMAGE_ROOT=${root}`,
              "bash",
              join(root, "usr/local/lib/pi-image/wifi-priorities"),
            ]);
          // Twice, as when the unit is started again.
          expect([run(), run()]).toEqual([
            { status: 0, output: "" },
            { status: 0, output: "" },
          ]);
          const { ssids, errors } = parseWpa(path);
          const priorities = [
            ...readFileSync(path, "latin1").matchAll(/^ {2}priority=(\d+)$/gm),
          ].map(([, number]) => Number(number));
          expect(errors).toEqual([]);
          expect(statSync(path).mode & 0o777).toBe(0o600);
          expect(
            ssids
              .map((ssid, index) => ({
                ssid,
                priority: priorities[index] ?? 0,
              }))
              .toSorted((a, b) => b.priority - a.priority)
              .map(({ ssid }) => ssid),
          ).toEqual(
            node.network.wifi.map(({ ssid }) =>
              Buffer.from(ssid).toString("hex"),
            ),
          );
        }
      });

      /**
       * The configuration for wpa_supplicant, with names as netplan writes them since 1.1 where this one is older: Debian 12 has
       * 0.106, and Ubuntu 22.04 gets no name whose writing differs.
       */
      const asSince11 = (root: string): string => {
        const path = join(root, "run/netplan/wpa-wlan0.conf");
        const text = readFileSync(path, "utf8");
        if (since11) {
          expect(text).toContain('ssid=P"');
          return path;
        }
        writeFileSync(
          path,
          text.replaceAll(
            /^ {2}ssid="(.*)"$/gm,
            (_, name: string) =>
              `  ssid=P"${name.replaceAll('"', String.raw`\"`)}"`,
          ),
          { mode: 0o600 },
        );
        return path;
      };

      it.each(["wpa2", "wpa3", "wpa2-wpa3", "open"] as const)(
        "joins a hidden network with %s",
        async (security) => {
          const node: ResolvedNode = {
            ...sampleNode,
            network: {
              uplink: "wlan0",
              addressing: { method: "dhcp" },
              ipv6: "base",
              wifi: [{ ...homeWifi, security, hidden: true }],
            },
          };
          const { seed } = renderSeed(await seedInput(sampleProject, node));
          const { root, output } = generate(
            security,
            seed?.networkConfig ?? "",
          );
          if (security === "wpa3" && !knowsSae) {
            expect(output).toContain("unknown key management type 'sae'");
            return;
          }
          const path = join(root, "run/netplan/wpa-wlan0.conf");
          const lines = readFileSync(path, "utf8")
            .split("\n")
            .map((line) => line.trim());
          expect(parseWpa(path).errors).toEqual([]);
          expect(lines).toContain("scan_ssid=1");
          const passphrase = 'psk="correct horse battery"';
          switch (security) {
            case "wpa2":
              expect(lines).toContain("key_mgmt=WPA-PSK");
              expect(lines).not.toContain(passphrase);
              break;
            case "wpa3":
              expect(lines).toContain("key_mgmt=SAE");
              // Management frames must be protected: https://www.wi-fi.org/discover-wi-fi/security
              expect(lines).toContain("ieee80211w=2");
              expect(lines).toContain(passphrase);
              break;
            case "wpa2-wpa3":
              // With SAE since netplan 0.107.1; before, as WPA2.
              expect(lines).toContain(
                knowsSae
                  ? "key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE"
                  : "key_mgmt=WPA-PSK",
              );
              expect(lines).toContain(passphrase);
              break;
            case "open":
              expect(lines).toContain("key_mgmt=NONE");
              break;
          }
        },
      );

      it("leaves WPA2 without SAE, whose handshake has no use for a derived key", () => {
        const wifi = seeds.find(({ name }) => name === "wifi/worker1");
        const { root } = generate("wpa2", wifi?.seed.networkConfig ?? "");
        const conf = readFileSync(
          join(root, "run/netplan/wpa-wlan0.conf"),
          "utf8",
        );
        expect(conf).toMatch(/^ {2}key_mgmt=WPA-PSK$/m);
        expect(conf).toMatch(/^ {2}psk=[0-9a-f]{64}$/m);
        expect(conf).toMatch(/^country=ES$/m);
      });

      it.each([
        ["an address without prefix", "192.168.1.50/24", "192.168.1.50"],
        ["an unknown key", "dhcp4:", "dhcp5:"],
      ])("refuses %s", (_, from, to) => {
        const text = seeds.find(({ name }) => name === "wired/cplane")?.seed
          .networkConfig;
        expect(text).toContain(from);
        expect(
          generate("broken", text?.replace(from, to) ?? "").status,
        ).not.toBe(0);
      });
    },
  );
