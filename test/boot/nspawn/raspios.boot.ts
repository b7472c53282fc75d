// Raspberry Pi OS in containers: NetworkManager and avahi in place of systemd-networkd and systemd-resolved.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFailed } from "vitest";
import { baseImage } from "../base/base-image.ts";
import { describeAsRoot } from "../../support/tools.ts";
import {
  ADDRESSES,
  CONTROL_PLANE,
  twoNodes,
  WORKER,
} from "../support/inventory.ts";
import { wantedArch } from "../support/shared-base.ts";
import { raspiosImage } from "../support/vendor-image.ts";
import { openDesk } from "./desk.ts";
import { cloudInitErrors, standInCalls, untilDone } from "./node.ts";

describeAsRoot(
  ["systemd-nspawn", "mmdebstrap", "mcopy", "ip", "sfdisk"],
  "Raspberry Pi OS in containers",
  () => {
    it("makes both roles without systemd-resolved, and pods get the servers of the network", async () => {
      const desk = await openDesk("raspios", twoNodes(), async () => ({
        image: await raspiosImage(await baseImage(wantedArch())),
      }));
      onTestFailed(async () => {
        desk.fail();
        await desk.close();
      });
      for (const name of [CONTROL_PLANE, WORKER] as const) {
        const node = await desk.node(name);
        const container = await desk.boot(node);
        const output = async (...command: readonly string[]) =>
          (await container.run(...command)).stdout.trim();
        expect(await cloudInitErrors(node, container)).toEqual([]);
        await untilDone(node, container);
        expect(
          await output("ip", "-4", "-br", "addr", "show", "eth0"),
        ).toContain(`${ADDRESSES[name]}/24`);
        expect(
          (await container.run("sh", "-c", "command -v resolvectl")).stdout,
        ).toBe("");
        expect(
          readFileSync(
            join(node.root, "var/lib/kubelet/kubeadm-flags.env"),
            "utf8",
          ),
        ).toContain("--resolv-conf=/etc/resolv.conf");
        expect(await output("cat", "/etc/resolv.conf")).toMatch(
          /^nameserver 10\.77\.0\.1$/m,
        );
        expect(await output("systemctl", "is-active", "kubelet")).toBe(
          "active",
        );
        // avahi answers, and nothing says that mDNS could not be had.
        expect(await output("avahi-resolve", "-4", "-n", `${name}.local`)).toBe(
          `${name}.local\t${ADDRESSES[name]}`,
        );
        expect(
          await output("journalctl", "--unit=pi-image-node", "--no-pager"),
        ).not.toContain("mDNS");
        expect(
          standInCalls(node).filter((line) => line.startsWith("REFUSED")),
        ).toEqual([]);
        expect(
          await output("systemctl", "--failed", "--no-legend", "--plain"),
        ).toBe("");
      }
      await desk.close();
    });
  },
);
