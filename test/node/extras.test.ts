// The phases that only some inventories ask for: settings of services, and packages at the end.
import { expect, it } from "vitest";
import { resolveHost } from "../../src/inventory/resolve-host.ts";
import { sampleNode } from "../seed/sample-project.ts";
import {
  calls,
  type Circumstances,
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
