// MTU, routes, another interface and a VLAN of the uplink, as netplan's two back ends take them.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { resolveHost } from "../../src/inventory/resolve-host.ts";
import type { Ipv6Way, ResolvedNode } from "../../src/inventory/resolved.ts";
import { nftablesConfiguration } from "../../src/seed/network/gateway-nftables.ts";
import { describeWithTools } from "../support/tools.ts";
import { netplanJudges } from "./netplan-judges.ts";
import { renderSeed } from "./render-seed.ts";
import {
  controlPlane,
  homeWifi,
  sampleNode,
  sampleProject,
  seedInput,
  staticNetwork,
} from "./sample-project.ts";

const asked = {
  mtu: 9000,
  routes: [{ to: "10.8.0.0/24", via: "192.168.1.2" }],
};

const networkOf = async (
  wishes: Parameters<typeof resolveHost>[0],
  changes: Partial<ResolvedNode> = {},
): Promise<{ readonly network: string; readonly userData: string }> => {
  const node = { ...controlPlane, ...changes, host: resolveHost(wishes, {}) };
  const { seed, problems } = renderSeed(
    await seedInput({ ...sampleProject, nodes: [node] }, node),
  );
  expect(problems).toEqual([]);
  return {
    network: seed?.networkConfig ?? "",
    userData: seed?.userData ?? "",
  };
};

it("leaves the uplink's address with the interface that has it", async () => {
  const { network, userData } = await networkOf({
    ...asked,
    interface: "enx00e04c680001",
    vlan: 20,
  });
  expect(parse(network)).toEqual({
    network: {
      version: 2,
      ethernets: {
        enx00e04c680001: { dhcp4: false, optional: true, mtu: 9000 },
      },
      vlans: {
        "enx00e04c680001.20": expect.objectContaining({
          id: 20,
          link: "enx00e04c680001",
          addresses: ["192.168.1.50/24"],
          mtu: 9000,
          routes: [
            { to: "default", via: "192.168.1.1" },
            { to: "10.8.0.0/24", via: "192.168.1.2" },
          ],
        }),
      },
    },
  });
  expect(userData).toContain("PI_IMAGE_UPLINK='enx00e04c680001.20'");
});

describe("a Wi-Fi adapter on USB as the uplink", () => {
  const network = {
    uplink: "wlan0",
    addressing: { method: "dhcp" },
    ipv6: "base",
    wifi: [homeWifi],
  } as const;
  const written = async (base: string, adapter: string) => {
    const { network: text, userData } = await networkOf(
      { interface: adapter },
      { base, network },
    );
    expect(Object.keys(parse(text).network.wifis)).toEqual([adapter]);
    expect(userData).toContain(`PI_IMAGE_UPLINK='${adapter}'`);
    return userData;
  };

  it("has the name that the system gives it", async () => {
    expect(await written("ubuntu-24.04", "wlx00c0ca123456")).not.toContain(
      "05-pi-image-wifi.link",
    );
    await written("raspios-trixie", "wlan0");
  });

  it("gets its name from us on Arch Linux ARM", async () => {
    const link = (userData: string): unknown =>
      (
        parse(userData) as { write_files: { path: string; content: string }[] }
      ).write_files.find(
        ({ path }) => path === "/etc/systemd/network/05-pi-image-wifi.link",
      )?.content;
    expect(link(await written("archlinuxarm", "wlx00c0ca123456"))).toBe(
      "[Match]\nType=wlan\nPermanentMACAddress=00:c0:ca:12:34:56\n[Link]\nName=wlx00c0ca123456\n",
    );
    expect(link(await written("archlinuxarm", "wlan0"))).toBe(
      "[Match]\nType=wlan\nPath=*-usb-*\n[Link]\nName=wlan0\n",
    );
  });

  it("is what a gateway lets nobody in by", () => {
    const gateway: ResolvedNode = {
      ...sampleNode,
      network,
      host: resolveHost({ interface: "wlx00c0ca123456" }, {}),
    };
    const rules = nftablesConfiguration(gateway, {
      interface: "eth0",
      address: "10.0.0.1/24",
      ranges: [],
      domain: "lan",
      forwards: [],
    });
    expect(rules).toContain('iifname "wlx00c0ca123456" tcp dport 22 accept');
    expect(rules).not.toContain("wlan0");
  });
});

it("is refused where the first boot's script cannot do it", async () => {
  const node = {
    ...controlPlane,
    base: "archlinuxarm",
    host: resolveHost({ vlan: 20 }, {}),
  };
  const { seed, problems } = renderSeed(
    await seedInput({ ...sampleProject, nodes: [node] }, node),
  );
  expect(seed).toBeUndefined();
  expect(problems.map(({ message }) => message).join()).toContain("vlans");
});

const [netplan] = await netplanJudges();

describeWithTools(["ip", "netplan", "unshare"], "netplan", () => {
  const generate = async (
    name: string,
    renderer: string,
    wishes: Parameters<typeof resolveHost>[0],
  ): Promise<string> => {
    const { network } = await networkOf(wishes);
    const made = netplan?.generate(
      name,
      network.replace("version: 2", `version: 2\n  renderer: ${renderer}`),
    );
    expect(made).toMatchObject({ status: 0, output: "" });
    return made?.root ?? "";
  };
  const filesIn = (folder: string): string =>
    readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), "utf8"))
      .join("\n");

  it("makes networkd set all of them", async () => {
    const root = await generate("networkd", "networkd", { ...asked, vlan: 20 });
    const folder = join(root, "run/systemd/network");
    const unit = readFileSync(
      join(folder, "10-netplan-eth0.20.network"),
      "utf8",
    );
    expect(unit).toContain("Address=192.168.1.50/24\n");
    expect(unit).toContain("Destination=10.8.0.0/24\nGateway=192.168.1.2\n");
    expect(filesIn(folder)).toContain("MTUBytes=9000\n");
    expect(filesIn(folder)).toContain("VLAN=eth0.20\n");
    const base = readFileSync(join(folder, "10-netplan-eth0.network"), "utf8");
    expect(base).not.toContain("Address=");
  });

  it("makes NetworkManager set all of them", async () => {
    const root = await generate("nm", "NetworkManager", { ...asked, vlan: 20 });
    const text = filesIn(join(root, "run/NetworkManager/system-connections"));
    expect(text).toMatch(/^type=vlan$/m);
    expect(text).toMatch(/^id=20$/m);
    expect(text).toMatch(/^parent=eth0$/m);
    expect(text).toMatch(/^route\d=10\.8\.0\.0\/24,192\.168\.1\.2$/m);
    expect(text).toMatch(/^mtu=9000$/m);
  });

  it("makes NetworkManager take IPv6 from where it comes", async () => {
    const profile = async (ipv6: Ipv6Way, address: string) => {
      const { network } = await networkOf(
        {},
        { network: { ...staticNetwork(address), ipv6 } },
      );
      const made = netplan?.generate(
        `nm-${ipv6}`,
        network.replace("version: 2", "version: 2\n  renderer: NetworkManager"),
      );
      expect(made).toMatchObject({ status: 0, output: "" });
      const root = made?.root ?? "";
      return filesIn(join(root, "run/NetworkManager/system-connections"));
    };
    expect(await profile("router", "fd00::50/64")).toMatch(
      /^\[ipv6\]\nmethod=auto\naddress1=fd00::50\/64$/m,
    );
    expect(await profile("fixed", "fd00::50/64")).toMatch(
      /^\[ipv6\]\nmethod=manual\naddress1=fd00::50\/64$/m,
    );
    expect(await profile("base", "192.168.1.50/24")).toMatch(
      /^\[ipv6\]\nmethod=(ignore|disabled)$/m,
    );
  });

  it("takes another interface in place of the board's own", async () => {
    const root = await generate("other", "networkd", { interface: "eth1" });
    const folder = join(root, "run/systemd/network");
    expect(existsSync(join(folder, "10-netplan-eth1.network"))).toBe(true);
    expect(existsSync(join(folder, "10-netplan-eth0.network"))).toBe(false);
  });
});
