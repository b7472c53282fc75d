// What a node of the inventory becomes: its own settings before those of defaults, its network, users and card.
import { describe, expect, it } from "vitest";
import { KEY, project, PLANE } from "./resolved-text.ts";

describe("a node", () => {
  const node = (own: string, defaults = "") => {
    const [first] = project({ defaults, nodes: [`${PLANE}, ${own}`] }).nodes;
    if (first === undefined) {
      throw new Error("no node");
    }
    return first;
  };

  it("takes the settings of defaults, and its own before them", () => {
    const found = node(
      "storage: sd, timezone: Asia/Tokyo",
      "storage: nvme\n  pcieGen: 3\n  locale: es_ES.UTF-8",
    );
    expect(found.storage).toBe("sd");
    expect(found.pcieGen).toBe(3);
    expect(found.timezone).toBe("Asia/Tokyo");
    expect(found.locale).toBe("es_ES.UTF-8");
  });

  it.each([
    ["ubuntu-26.04", "ubuntu-26.04"],
    ["images/my.img", "/home/ana/cluster/images/my.img"],
    ["my.img.xz", "/home/ana/cluster/my.img.xz"],
    ["~/my.img", "/home/ana/my.img"],
    ["/srv/my.img", "/srv/my.img"],
    ["https://example.org/a.img.xz", "https://example.org/a.img.xz"],
  ])("finds the base %s", (written, expected) => {
    expect(node(`base: ${written}`).base).toBe(expected);
  });

  it("has a fixed address with the gateway as name server", () => {
    expect(
      node("address: 192.168.1.50/24", "gateway: 192.168.1.1").network,
    ).toEqual({
      uplink: "eth0",
      addressing: {
        method: "static",
        addresses: ["192.168.1.50/24"],
        gateways: ["192.168.1.1"],
        nameservers: ["192.168.1.1"],
        search: [],
      },
      ipv6: "base",
      wifi: [],
    });
  });

  it("has the name servers and domains that are written", () => {
    expect(
      node(
        "address: 192.168.1.50/24, gateway: 192.168.1.1, search: [home.arpa]",
        "nameservers: [1.1.1.1, 9.9.9.9]",
      ).network.addressing,
    ).toMatchObject({
      nameservers: ["1.1.1.1", "9.9.9.9"],
      search: ["home.arpa"],
    });
  });

  const WIFI = "wifi: {ssid: home, country: ES, password: env:WIFI}";

  it("uses Wi-Fi where it is set up, with its password", () => {
    const { network } = node("", WIFI);
    expect(network.uplink).toBe("wlan0");
    expect(network.wifi).toMatchObject([
      { ssid: "home", country: "ES", security: "wpa2", hidden: false },
    ]);
    expect(network.wifi[0]?.password?.reveal()).toBe("correct horse");
    expect(JSON.stringify(network)).not.toContain("correct horse");
  });

  it("can have Wi-Fi and use the cable", () => {
    const { network } = node("uplink: ethernet", WIFI);
    expect(network.uplink).toBe("eth0");
    expect(network.wifi[0]?.ssid).toBe("home");
  });

  it("can switch the Wi-Fi of defaults off", () => {
    const { network } = node("wifi: false", WIFI);
    expect(network).toEqual({
      uplink: "eth0",
      addressing: { method: "dhcp" },
      ipv6: "base",
      wifi: [],
    });
  });

  it("can have another Wi-Fi, none of it from defaults", () => {
    const { wifi } = node(
      "wifi: {ssid: other, country: FR, hidden: true, password: prompt}",
      WIFI,
    ).network;
    expect(wifi).toMatchObject([
      { ssid: "other", country: "FR", hidden: true },
    ]);
    expect(wifi[0]?.password?.reveal()).toBe("battery staple");
  });

  it("joins an open network without a password", () => {
    const { wifi } = node(
      "wifi: {ssid: café, country: FR, security: open}",
    ).network;
    expect(wifi[0]?.password).toBeUndefined();
    expect(wifi[0]?.security).toBe("open");
  });

  it("has several networks in the order of the list, each with its own password", () => {
    const { wifi } = node(
      "wifi: [{ssid: home, country: ES, password: env:WIFI}, {ssidHex: CAFEe9, country: ES, hidden: true, password: env:WIFI}, {ssid: guests, country: ES, security: open}]",
    ).network;
    expect(
      wifi.map(({ ssid, password }) => [ssid, password?.reveal()]),
    ).toEqual([
      ["home", "correct horse"],
      [Buffer.from([0xca, 0xfe, 0xe9]), "correct horse"],
      ["guests", undefined],
    ]);
  });

  it("keeps the users of its own", () => {
    const { users } = node(
      `users: [{name: bea, sudo: false, shell: /bin/zsh, sshKeys: [file:key.pub, "${KEY}", file:key.pub]}]`,
    );
    expect(users).toEqual([
      { name: "bea", sudo: false, shell: "/bin/zsh", sshKeys: [KEY] },
    ]);
  });

  it("is bound to its card", () => {
    expect(node('card: {serial: "0x1234abcd"}').cardSerial).toBe("0x1234abcd");
  });
});
