// A node whose uplink is Wi-Fi finds its access point over simulated radios, and keeps to the country's rules.
import { mkdtemp, rm } from "node:fs/promises";
import { afterAll, expect, it, onTestFailed } from "vitest";
import { describeAsRoot } from "../../support/tools.ts";
import { radioImage } from "../support/vendor-image.ts";
import { baseImage } from "../base/base-image.ts";
import { makeLan } from "../lan/lan.ts";
import { startRouter } from "../lan/router.ts";
import { makeCleanup } from "../support/cleanup.ts";
import { ADDRESSES, WORKER } from "../support/inventory.ts";
import { testFolderPrefix } from "../support/sweep.ts";
import { openLogs } from "../support/logs.ts";
import { buildProject, USER } from "../support/project.ts";
import { wantedArch } from "../support/shared-base.ts";
import { macOf } from "./machine.ts";
import { flashNode, untilSays } from "./node.ts";
import { bootQemu } from "./qemu.ts";

const inventory = (security: string, hidden: boolean) => `cluster:
  name: desk
  kubernetes: "1.36"
  endpoint: cplane
defaults:
  board: pi5
  users:
    - name: ${USER}
      sshKeys: ["\${key}"]
  wifi:
    ssid: desk
    country: ES
    security: ${security}
    hidden: ${hidden}
    password: env:PI_IMAGE_TEST_WIFI
nodes:
  - name: cplane
    role: control-plane
  - name: ${WORKER}
    role: worker
    uplink: wifi
`;

const ACCESS_POINTS = [
  { ap: "wpa2", security: "wpa2", hidden: false, management: "WPA2-PSK" },
  { ap: "wpa3", security: "wpa3", hidden: false, management: "SAE" },
  { ap: "hidden", security: "wpa2", hidden: true, management: "WPA2-PSK" },
] as const;

describeAsRoot(
  ["mmdebstrap", "mcopy", "ip", "sfdisk", "dnsmasq", "qemu-system-x86_64"],
  "Wi-Fi as uplink",
  () => {
    const cleanup = makeCleanup();
    afterAll(() => cleanup.run());

    for (const { ap, security, hidden, management } of ACCESS_POINTS) {
      it(`associates with an access point of ${ap}`, async () => {
        process.env["PI_IMAGE_TEST_WIFI"] = "correct horse battery";
        const logs = await openLogs(`wifi-${ap}`);
        let failed = false;
        onTestFailed(() => {
          failed = true;
        });
        cleanup.defer(() => logs.close(failed));
        const folder = await mkdtemp(testFolderPrefix());
        cleanup.defer(() => rm(folder, { recursive: true, force: true }));
        const base = await baseImage(wantedArch());
        const image = await radioImage(base);
        const project = await buildProject(
          folder,
          inventory(security, hidden),
          { image },
          "--host",
          WORKER,
        );
        const lan = await makeLan(cleanup);
        // The cable is the test's way to look inside; the uplink is the radio.
        const leases = { [macOf(WORKER)]: ADDRESSES[WORKER] };
        startRouter(lan, { leases }, cleanup);
        const node = await flashNode(
          project,
          image,
          WORKER,
          ADDRESSES[WORKER],
          lan,
          logs.folder,
        );
        const machine = await bootQemu(
          base.arch,
          "tcg",
          { ...node.spec, kernelWords: [`test.ap=${ap}`] },
          cleanup,
        );
        await untilSays(
          node,
          machine,
          "the network phase",
          "test -e /var/lib/pi-image/stamps/20-network",
          500,
        );
        const look = async (command: string) =>
          (await node.ssh(command)).stdout;
        expect(await look("ip -4 -br addr show wlan0")).toContain("10.88.0.");
        expect(await look("sudo iw reg get")).toContain("country ES");
        expect(
          await look("sudo wpa_cli -p /run/wpa_supplicant -i wlan0 status"),
        ).toMatch(new RegExp(`^key_mgmt=${management}$`, "m"));
        await machine.powerCut();
      });
    }
  },
);
