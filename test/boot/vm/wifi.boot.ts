// A node whose uplink is Wi-Fi joins each kind of access point over simulated radios, and keeps to the country's rules.
import { expect, it, onTestFailed } from "vitest";
import { describeAsRoot } from "../../support/tools.ts";
import { baseImage } from "../base/base-image.ts";
import { ADDRESSES, WORKER } from "../support/inventory.ts";
import { USER } from "../support/project.ts";
import { wantedArch } from "../support/shared-base.ts";
import { radioImage } from "../support/vendor-image.ts";
import { openLab } from "./lab.ts";
import { macOf } from "./machine.ts";
import { untilSays } from "./node.ts";
import { bootFastQemu } from "./qemu.ts";

/** The first one is in the air from the start. */
const ACCESS_POINTS = [
  { ap: "wpa2", security: "wpa2", hidden: false, management: "WPA2-PSK" },
  { ap: "wpa3", security: "wpa3", hidden: false, management: "SAE" },
  { ap: "hidden", security: "wpa2", hidden: true, management: "WPA2-PSK" },
] as const;

const networks = ACCESS_POINTS.map(
  ({ ap, security, hidden }) => `    - ssid: desk-${ap}
      country: ES
      security: ${security}
      hidden: ${hidden}
      password: env:PI_IMAGE_TEST_WIFI
`,
).join("");

const INVENTORY = `cluster:
  name: desk
  kubernetes: "1.36"
  endpoint: cplane
defaults:
  board: pi5
  users:
    - name: ${USER}
      sshKeys: ["\${key}"]
  wifi:
${networks}nodes:
  - name: cplane
    role: control-plane
  - name: ${WORKER}
    role: worker
    uplink: wifi
`;

const UNIT = "test-access-point@";

describeAsRoot(
  ["mmdebstrap", "mcopy", "ip", "sfdisk", "dnsmasq", "qemu-system-x86_64"],
  "Wi-Fi as uplink",
  () => {
    it("associates with access points of WPA2, of WPA3, and with a hidden one", async () => {
      process.env["PI_IMAGE_TEST_WIFI"] = "correct horse battery";
      // The cable is the test's way to look inside; the uplink is the radio.
      const leases = { [macOf(WORKER)]: ADDRESSES[WORKER] };
      const lab = await openLab("wifi", {
        inventory: INVENTORY,
        router: { leases },
        vendor: async () => {
          const base = await baseImage(wantedArch());
          return { base, image: await radioImage(base) };
        },
        build: ["--host", WORKER],
      });
      onTestFailed(async () => {
        lab.fail();
        await lab.close();
      });
      const { base, cleanup } = lab;
      const node = await lab.flash(WORKER, ADDRESSES[WORKER]);
      const machine = await bootFastQemu(base.arch, node.spec, cleanup);
      const says = (what: string, command: string, seconds: number) =>
        untilSays(node, machine, what, command, seconds);
      await says(
        "the network phase",
        "test -e /var/lib/pi-image/stamps/20-network",
        500,
      );
      await says(
        "the country's rules",
        "sudo iw reg get | grep 'country ES'",
        60,
      );
      for (const { ap, management } of ACCESS_POINTS) {
        await node.ssh(
          `sudo systemctl stop '${UNIT}*' && sudo systemctl start ${UNIT}${ap}`,
        );
        const status = "sudo wpa_cli -p /run/wpa_supplicant -i wlan0 status";
        const seen = await says(
          `desk-${ap}`,
          `s=$(${status}) && echo "$s" | grep -qx ssid=desk-${ap} && echo "$s" | grep -qx wpa_state=COMPLETED && echo "$s"`,
          200,
        );
        expect(seen).toMatch(new RegExp(`^key_mgmt=${management}$`, "m"));
        await says(
          `an address from desk-${ap}`,
          "ip -4 -br addr show wlan0 | grep -F 10.88.0.",
          120,
        );
      }
      await machine.powerCut();
      await lab.close();
    });
  },
);
