// The clock and network phases: what they wait for, what they say, and that they go on when the cause is gone.
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { ResolvedNode } from "../../src/inventory/resolved.ts";
import {
  controlPlane,
  homeWifi,
  sampleNode,
  sampleProject,
} from "../seed/sample-project.ts";
import {
  calls,
  type Circumstances,
  runOnNode,
  screen,
  status,
  statuses,
  describeNode,
} from "./fake-node.ts";
import { layBefore, runPhases, runToEnd } from "./phase.ts";

const wireless: ResolvedNode = {
  ...sampleNode,
  network: { ...sampleNode.network, uplink: "wlan0", wifi: [homeWifi] },
};

/** Runs the two phases alone, to their end. */
const bringUp = (
  is: Partial<Circumstances>,
  left: readonly ("10-clock" | "20-network")[] = ["10-clock", "20-network"],
): Promise<string> => runPhases(left, is);

/** What the network phase said before it succeeded, and its states at the pauses. */
const complaints = (root: string) => ({
  said: screen(root).filter((line) => line.startsWith("network: ")),
  states: [...new Set(statuses(root).map((status) => status["state"]))],
});

describeNode("clock", () => {
  it("leaves a clock alone that is not behind the build", async () => {
    const root = await bringUp({});
    expect(
      calls(root, "date").filter((call) => call.includes("--set")),
    ).toEqual([]);
    expect(screen(root)[0]).toBe("clock: done");
  });

  it("sets a clock forward that is behind, and tries again when it cannot", async () => {
    const root = await bringUp({
      world: { clock: "1000000000" },
      plans: { "date-set": ["fail"] },
    });
    expect(screen(root).slice(0, 3)).toEqual([
      "clock: The clock lies before the build of this card and cannot be set.",
      "clock: The clock was behind and stands at 2026-11-20 now, the day of the build.",
      "clock: done",
    ]);
  });

  it("waits longer for the time after a clock that was behind, and goes on without any time server", async () => {
    const waiting =
      "network: The network has not given the time yet; asking its time servers (NTP, UDP port 123).";
    const gaveUp =
      "network: No time server has answered; going on with the clock at 2026-11-20.";
    const behind = await bringUp({
      world: { clock: "1000000000", synchronised: "no" },
    });
    const ahead = await bringUp({ world: { synchronised: "no" } });
    for (const root of [behind, ahead]) {
      expect(screen(root)).toEqual(
        expect.arrayContaining([waiting, gaveUp, "network: done"]),
      );
    }
    const pauses = (root: string) => calls(root, "sleep").length;
    expect(pauses(behind)).toBeGreaterThan(2 * pauses(ahead));
  });

  it("waits five seconds for it in a cluster without the internet, and not at all where it is the cluster's own", async () => {
    const offline = {
      ...sampleProject,
      cluster: { ...sampleProject.cluster, offline: true },
    };
    const behind = { clock: "1000000000", synchronised: "no", route: "" };
    const worker = await bringUp({ project: offline, world: behind });
    const keeper = await bringUp({
      project: offline,
      node: controlPlane,
      world: behind,
    });
    const said = (root: string) =>
      complaints(root).said.filter((line) => !line.includes("the address"));
    expect(said(worker)).toEqual([
      "network: The network has not given the time yet; asking its time servers (NTP, UDP port 123).",
      "network: No time server has answered; going on with the clock at 2026-11-20.",
      "network: done",
    ]);
    expect(said(keeper)).toEqual([
      "network: The clock of this node, which stands at 2026-11-20 06:00 UTC, is the cluster's.",
      "network: done",
    ]);
    const paused = (root: string) =>
      calls(root, "sleep")
        .map((call) => Number(call.split(" ")[1]))
        .reduce((sum, seconds) => sum + seconds, 0);
    expect(paused(worker)).toBeLessThanOrEqual(12);
    expect(paused(keeper)).toBe(0);
  });

  it("takes the time when it comes", async () => {
    const root = await bringUp({
      world: { synchronised: "no" },
      after: { 2: "echo yes >world/synchronised" },
    });
    expect(screen(root)).not.toContainEqual(
      expect.stringContaining("going on with the clock"),
    );
  });
});

describeNode("network", () => {
  it("joins the preferred of several Wi-Fi networks at the first boot, too", async () => {
    const several: ResolvedNode = {
      ...wireless,
      network: {
        ...wireless.network,
        wifi: [homeWifi, { ...homeWifi, ssid: "attic" }],
      },
    };
    const conf = "run/netplan/wpa-wlan0.conf";
    const network = (ssid: string) =>
      `network={\n  ssid=P"${ssid}"\n  key_mgmt=WPA-PSK\n}\n`;
    const unordered = `ctrl_interface=/run/wpa_supplicant\n${network("attic")}${network("home")}`;
    const restarts = (root: string) =>
      calls(root, "systemctl").filter((call) => call.includes("wpa"));
    const once = ["systemctl try-restart netplan-wpa-wlan0.service"];
    const root = await bringUp({
      node: several,
      files: {
        "sys/class/net/wlan0/carrier": "0",
        [conf]: unordered,
      },
      after: { 2: "echo 1 >sys/class/net/wlan0/carrier" },
    });
    expect(restarts(root)).toEqual(once);
    expect(screen(root)).toContain(
      "network: Joining the preferred of the Wi-Fi networks.",
    );
    // What the unit runs before wpa_supplicant.
    await runOnNode(root, "usr/local/lib/pi-image/wifi-priorities");
    expect(readFileSync(join(root, conf), "utf8")).toMatch(
      /"attic"\n {2}priority=1\n[^]*"home"\n {2}priority=2\n/,
    );
    const later = await bringUp({
      node: several,
      files: {
        "sys/class/net/wlan0/carrier": "1",
        [conf]: readFileSync(join(root, conf), "utf8"),
      },
    });
    expect(restarts(later)).toEqual([]);
  });

  it("says that no cable is plugged in, and applies netplan once more after a minute", async () => {
    const root = await bringUp({
      files: { "sys/class/net/eth0/carrier": "0" },
      after: { 12: "echo 1 >sys/class/net/eth0/carrier" },
    });
    expect(complaints(root)).toEqual({
      said: [
        "network: eth0 has no link. Plug in the network cable, or check the switch.",
        "network: eth0 has the address 192.168.1.61.",
        "network: done",
      ],
      states: ["waiting"],
    });
    expect(calls(root, "netplan")).toEqual(["netplan apply"]);
  });

  it.each([
    [
      'CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="home" auth_failures=1 duration=10 reason=WRONG_KEY',
      "The access point refuses the Wi-Fi password. Correct wifi.password in cluster.yaml, build and flash this card again.",
    ],
    [
      "wlan0: WPA: 4-Way Handshake failed - pre-shared key may be incorrect",
      "The access point refuses the Wi-Fi password. Correct wifi.password in cluster.yaml, build and flash this card again.",
    ],
    [
      "wlan0: CTRL-EVENT-ASSOC-REJECT bssid=00:00:00:00:00:00 status_code=16",
      "The access point refuses this node, most often for a wrong wifi.password in cluster.yaml.",
    ],
    [
      "wlan0: CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1 depth=1 subject='/CN=other' err='unable to get local issuer certificate'",
      "The server of the Wi-Fi network is not the one that this node may trust. Check ca and domain below wifi.eap in cluster.yaml, and the clock.",
    ],
    [
      "wlan0: CTRL-EVENT-EAP-FAILURE EAP authentication failed",
      "The server of the Wi-Fi network refuses this node. Check identity, password and certificate in cluster.yaml.",
    ],
    [
      "wlan0: CTRL-EVENT-NETWORK-NOT-FOUND",
      "No access point with the name of wifi.ssid is in reach. Check the name, the country and the access point.",
    ],
    [
      "wlan0: Trying to associate",
      "The Wi-Fi is not connected yet. Check that the access point is on and in reach.",
    ],
  ])("reads %s in the journal of wpa_supplicant", async (event, message) => {
    const root = await bringUp({
      node: wireless,
      files: { "sys/class/net/wlan0/carrier": "0" },
      world: { "says/journalctl-always": event },
      after: { 2: "echo 1 >sys/class/net/wlan0/carrier" },
    });
    expect(complaints(root).said[0]).toBe(`network: ${message}`);
    expect(calls(root, "journalctl")[0]).toContain("netplan-wpa-wlan0.service");
  });

  it("says that the board has no such interface", async () => {
    const root = await bringUp({
      node: wireless,
      after: {
        2: "mkdir -p sys/class/net/wlan0; echo 1 >sys/class/net/wlan0/carrier",
      },
    });
    expect(complaints(root).said[0]).toBe(
      "network: This board has no wlan0, and it has eth0 only. Check uplink in cluster.yaml, and that the interface is not switched off.",
    );
  });

  it("tells DHCP that does not answer from an address that netplan has not set", async () => {
    const dhcp = await bringUp({
      world: { address: "" },
      after: { 2: "echo 192.168.1.61 >world/address" },
    });
    expect(complaints(dhcp).said[0]).toBe(
      "network: No DHCP server answers on eth0. Check the router, or give this node a fixed address in cluster.yaml.",
    );
    const fixed = await bringUp({
      node: controlPlane,
      world: { address: "" },
      after: { 2: "echo 192.168.1.50 >world/address" },
    });
    expect(complaints(fixed).said[0]).toBe(
      "network: eth0 does not have its address 192.168.1.50 yet; the system has not set it.",
    );
  });

  it.each([
    ["podSubnet", "192.168.0.0/16"],
    // Smaller than the network, and in the middle of it.
    ["serviceSubnet", "192.168.1.128/25"],
  ] as const)(
    "says that the network overlaps %s, and goes on",
    async (key, range) => {
      const root = await bringUp({
        project: {
          ...sampleProject,
          cluster: { ...sampleProject.cluster, [key]: range },
        },
      });
      const text = `The network here (192.168.1.61/24) overlaps ${key} (${range}): pods will not reach it. Change ${key} in cluster.yaml and make the cluster anew, or the router's range.`;
      expect(complaints(root).said).toContain(`network: ${text}`);
      expect(status(root)).toMatchObject({
        state: "done",
        notes: { ranges: text },
      });
    },
  );

  it("finds no overlap in a range beside its network", async () => {
    const root = await bringUp({
      project: {
        ...sampleProject,
        cluster: {
          ...sampleProject.cluster,
          podSubnet: "192.168.0.0/24",
          serviceSubnet: "192.168.2.0/23",
        },
      },
    });
    expect(complaints(root).said.join()).not.toContain("overlaps");
    expect(status(root)).not.toHaveProperty("notes.ranges");
  });

  it("asks for a gateway", async () => {
    const root = await bringUp({
      world: { route: "" },
      after: { 2: "echo default via 192.168.1.1 >world/route" },
    });
    expect(complaints(root).said[0]).toBe(
      "network: eth0 has the address 192.168.1.61 but no default route. Check the gateway.",
    );
  });

  it("switches mDNS on for this boot and for the next", async () => {
    const root = await bringUp({});
    expect(calls(root, "resolvectl")[0]).toBe("resolvectl mdns eth0 yes");
    expect([
      readFileSync(
        join(root, "etc/systemd/resolved.conf.d/pi-image.conf"),
        "utf8",
      ),
      readFileSync(
        join(
          root,
          "etc/systemd/network/10-netplan-eth0.network.d/pi-image.conf",
        ),
        "utf8",
      ),
    ]).toEqual([
      "[Resolve]\nMulticastDNS=yes\n",
      "[Network]\nMulticastDNS=yes\n",
    ]);
    expect(calls(root, "systemctl")).toContain(
      "systemctl enable --now pi-image-endpoint.timer",
    );
  });

  it("leaves mDNS to avahi where that runs, as on Raspberry Pi OS", async () => {
    const root = await bringUp({
      world: { avahi: "yes" },
      files: { "world/resolved": undefined },
    });
    expect(complaints(root).said).toEqual([
      "network: eth0 has the address 192.168.1.61.",
      "network: done",
    ]);
    expect(calls(root, "resolvectl")).toEqual([]);
    expect(existsSync(join(root, "etc/systemd/resolved.conf.d"))).toBe(false);
    expect(existsSync(join(root, "etc/systemd/network"))).toBe(false);
  });

  it.each([
    ["resolved refuses", { plans: { "resolvectl-mdns": ["fail"] } }],
    ["neither program runs", { files: { "world/resolved": undefined } }],
  ])(
    "goes on where %s, and where no endpoint is known yet",
    async (_, circumstances) => {
      const root = await bringUp({ world: { mdns: "" }, ...circumstances });
      expect(complaints(root).said).toEqual([
        "network: eth0 has the address 192.168.1.61.",
        "network: Nothing here answers mDNS: neither avahi nor systemd-resolved runs, or resolved refuses. This node is found by address or DNS only.",
        "network: done",
      ]);
    },
  );

  it("starts over at the next boot, when the address may be another", async () => {
    const root = await bringUp({}, []);
    expect(screen(root)).toEqual([
      "done: worker1 is a worker of the cluster homelab.",
    ]);
    const later = await bringUp(
      {
        files: { "proc/sys/kernel/random/boot_id": "boot-2" },
      },
      [],
    );
    expect(screen(later)).toContain(
      "network: eth0 has the address 192.168.1.61.",
    );
    expect(existsSync(join(later, "var/lib/pi-image/done"))).toBe(true);
  });
});

describeNode("a card that is bound to a board", () => {
  const bound = { ...sampleNode, mac: "d8:3a:dd:01:02:03" };
  const address = "sys/class/net/eth0/address";

  it("runs in it, and in no other", async () => {
    const right = await bringUp({
      node: bound,
      files: { [address]: "d8:3a:dd:01:02:03" },
    });
    expect(complaints(right).states).toEqual([]);
    const wrong = await bringUp({
      node: bound,
      files: { [address]: "d8:3a:dd:99:99:99" },
      after: { 2: `echo d8:3a:dd:01:02:03 >${address}` },
    });
    expect(complaints(wrong).said).toContain(
      "network: This card is for the board with the Ethernet address d8:3a:dd:01:02:03, and this board has d8:3a:dd:99:99:99. Swap the cards, or correct mac in cluster.yaml.",
    );
  });
});

describeNode("a board whose Ethernet has another name", () => {
  const GONE = { "sys/class/net/eth0/carrier": undefined };
  const bound = { ...sampleNode, mac: "d8:3a:dd:01:02:03" };

  /** eth0 is gone, and its place is taken by what systemd calls the same. */
  const named = (
    name: string,
    address = bound.mac,
  ): Circumstances["files"] => ({
    ...GONE,
    [`sys/class/net/${name}/carrier`]: "1",
    [`sys/class/net/${name}/address`]: address,
    "sys/class/net/lo/carrier": "1",
  });

  it.each(["end0", "enu1u1u1"])("uses %s", async (name) => {
    const root = await layBefore(["20-network"], {
      node: bound,
      files: { ...named(name) },
    });
    mkdirSync(join(root, `sys/class/net/${name}/device`), { recursive: true });
    symlinkSync(
      "../../../../bus/usb/drivers/lan78xx",
      join(root, `sys/class/net/${name}/device/driver`),
    );
    await runToEnd(root);
    expect(complaints(root).said[0]).toBe(
      `network: ${name} has the address 192.168.1.61.`,
    );
    expect(calls(root, "ip")[0]).toContain(`dev ${name} `);
  });

  it("holds the card's binding, also where there is no Ethernet at all", async () => {
    const other = await layBefore(["20-network"], {
      node: bound,
      files: { ...named("end0", "d8:3a:dd:99:99:99") },
      after: { 2: `echo ${bound.mac} >sys/class/net/end0/address` },
    });
    await runToEnd(other);
    expect(complaints(other).said[0]).toContain(
      "and this board has d8:3a:dd:99:99:99. Swap the cards",
    );
    const none = await layBefore(["20-network"], {
      node: { ...bound, network: wireless.network },
      files: {
        ...GONE,
        "sys/class/net/wlan0/carrier": "1",
        "sys/class/net/usb0/carrier": "1",
      },
      after: {
        2: `mkdir -p sys/class/net/end0; echo ${bound.mac} >sys/class/net/end0/address`,
      },
    });
    await runToEnd(none);
    expect(complaints(none).said[0]).toBe(
      "network: This card is for the board with the Ethernet address d8:3a:dd:01:02:03, and this board shows no Ethernet of its own; it has usb0 and wlan0.",
    );
  });
});

describeNode("a board whose boot loader is too old for its base", () => {
  it("is told so before anything is changed", async () => {
    const root = await bringUp({
      node: { ...sampleNode, base: "ubuntu-26.04" },
      // 1717986918: 2024-06-10.
      files: {
        "proc/device-tree/chosen/bootloader/build-timestamp": "ffff",
      },
    });
    expect(screen(root)[0]).toBe(
      "node: The boot loader of this board is of 2024-06-10, and its Ubuntu needs one of 2025-02-11 or later. Update it with: sudo rpi-eeprom-update -a, then restart.",
    );
  });
});
