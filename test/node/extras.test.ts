// The phases that only some inventories ask for: settings of services, and packages at the end.
import { expect, it } from "vitest";
import { resolveHost } from "../../src/inventory/resolve-host.ts";
import {
  controlPlane,
  homeWifi,
  sampleNode,
  sampleProject,
} from "../seed/sample-project.ts";
import {
  calls,
  type Circumstances,
  COMPLETE,
  describeNode,
  isDone,
  powerOn,
} from "./fake-node.ts";
import { layBefore, runPhases, saidBy } from "./phase.ts";

const asking = (
  wishes: Parameters<typeof resolveHost>[0],
): Pick<Circumstances, "node"> => ({
  node: { ...sampleNode, host: resolveHost(wishes, {}) },
});

describeNode("packages that the inventory asks for", () => {
  it("are installed at the end", async () => {
    const root = await runPhases(["65-extras"], asking({ packages: ["htop"] }));
    expect(saidBy("extras", root)).toEqual(["Installing htop.", "done"]);
    expect(calls(root, "apt-get").at(-1)).toMatch(
      / install --no-install-recommends htop$/,
    );
  });

  it("keep the node from its end, and say why, while they are not there", async () => {
    const root = await layBefore(["65-extras"], {
      ...asking({ packages: ["htopp"] }),
      after: { 2: `sed -i s/htopp/htop/ etc/pi-image/node.env` },
    });
    expect(await powerOn(root)).toMatchObject({ code: 0 });
    expect(saidBy("extras", root)).toEqual([
      "Installing htopp.",
      "Packages are not installed yet (htopp): E: Unable to locate package htopp.",
      "Installing htop.",
      "done",
    ]);
    expect(isDone(root)).toBe(true);
  });

  it("leave a node without any alone", async () => {
    const root = await runPhases(["65-extras", "11-host"], asking({}));
    expect([saidBy("extras", root), saidBy("host", root)]).toEqual([[], []]);
  });
});

describeNode("settings that come after their services have started", () => {
  it("are read by them before the network is waited for", async () => {
    const root = await runPhases(
      ["11-host"],
      asking({ logs: "volatile", ntp: ["192.168.1.1"] }),
    );
    expect(saidBy("host", root)).toEqual([
      "Applying the settings of the journal and of the time servers.",
      "done",
    ]);
    expect(
      calls(root, "systemctl").filter((call) =>
        /journald|chrony|rsyslog/.test(call),
      ),
    ).toEqual([
      "systemctl stop rsyslog.service syslog.socket",
      "systemctl restart systemd-journald.service",
      "systemctl try-restart systemd-timesyncd.service chrony.service",
    ]);
  });
});

describeNode("the clock of a cluster without the internet", () => {
  const offline = {
    ...sampleProject,
    cluster: { ...sampleProject.cluster, offline: true },
  };
  const started = "systemctl enable --now pi-image-time.service";

  it("is told by the node that keeps it, before the network is waited for", async () => {
    const keeper = await runPhases(["11-host"], {
      project: offline,
      node: controlPlane,
    });
    expect(calls(keeper, "systemctl")).toContain(started);
    const worker = await runPhases(["11-host"], { project: offline });
    expect(calls(worker, "systemctl")).not.toContain(started);
    expect(calls(worker, "systemctl")).toContain(
      "systemctl try-restart systemd-timesyncd.service chrony.service",
    );
  });

  it("leaves the timers of apt off at the end", async () => {
    const root = await runPhases(["11-host"], { project: offline });
    expect(
      calls(root, "systemctl").filter((call) => call.includes("apt-daily")),
    ).toEqual([]);
  });
});

describeNode("the power save of a Wi-Fi uplink", () => {
  const wireless = {
    installed: COMPLETE.filter((name) => name !== "iw"),
    node: {
      ...sampleNode,
      network: {
        ...sampleNode.network,
        uplink: "wlan0" as const,
        wifi: [homeWifi],
      },
    },
  };

  it("is switched off, also where the program for it is not there yet", async () => {
    const root = await runPhases(["66-wifi"], wireless);
    expect(saidBy("wifi", root)).toEqual([
      "Switching off the power save of wlan0.",
      "done",
    ]);
    expect(calls(root, "apt-get").at(-1)).toMatch(/ install .*iw$/);
    expect(calls(root, "iw")).toEqual(["iw dev wlan0 set power_save off"]);
  });

  it("keeps no node from its end", async () => {
    const root = await runPhases(["66-wifi"], {
      ...wireless,
      plans: { "apt-install": ["fail"] },
      says: { "apt-install": "E: Unable to locate package iw" },
    });
    expect(saidBy("wifi", root).slice(1)).toEqual([
      "The power save of wlan0 stays on: iw is not installed: E: Unable to locate package iw.",
      "done",
    ]);
    expect(isDone(root)).toBe(true);
  });

  it("is left to NetworkManager where that keeps the Wi-Fi, and alone at Ethernet", async () => {
    const managed = { ...wireless.node, base: "raspios-trixie" };
    for (const node of [managed, sampleNode]) {
      const root = await runPhases(["66-wifi"], { node });
      expect(saidBy("wifi", root)).toEqual([]);
    }
  });
});
