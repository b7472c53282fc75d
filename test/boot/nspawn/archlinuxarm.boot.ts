// The first boot of Arch Linux ARM in a container: its script and its unit on a system whose Ethernet is end0.
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFailed } from "vitest";
import { packageFile } from "../../../src/system/package-files.ts";
import { runTool } from "../../../src/system/run/run-tool.ts";
import { renderSeed } from "../../seed/render-seed.ts";
import {
  sampleNode,
  sampleProject,
  seedInput,
} from "../../seed/sample-project.ts";
import { describeAsRoot } from "../../support/tools.ts";
import { ROUTER, type Port } from "../lan/lan.ts";
import { twoNodes, WORKER } from "../support/inventory.ts";
import { STATUS_FILE } from "../support/status.ts";
import { until } from "../support/until.ts";
import { openDesk } from "./desk.ts";
import type { NspawnNode } from "./node.ts";

const ADDRESS = "10.77.0.21";
const MAC = "d8:3a:dd:01:02:03";
const UNITS = "etc/systemd/system";

/** What the image has in cloud-init's place, as src/base/rootfs-base.ts puts it there. */
const asArch = async ({ root }: NspawnNode, script: string): Promise<void> => {
  const from = (name: string) => packageFile(`cloud-init/first-boot/${name}`);
  const to = (path: string) => join(root, path);
  await writeFile(to("etc/cloud/cloud-init.disabled"), "");
  await mkdir(to("usr/local/lib/pi-image"), { recursive: true });
  await cp(from("first-boot"), to("usr/local/lib/pi-image/first-boot"));
  const unit = "pi-image-first-boot.service";
  await cp(from(unit), to(`${UNITS}/${unit}`));
  await runTool("systemctl", ["--quiet", "--root", root, "enable", unit]);
  // Debian calls the server ssh, and the other name is a link to it.
  const ssh = await readFile(to("usr/lib/systemd/system/ssh.service"), "utf8");
  await rm(to(`${UNITS}/sshd.service`), { force: true });
  await writeFile(to(`${UNITS}/sshd.service`), ssh.replace(/^Alias=.*$/m, ""));
  await runTool("systemctl", ["--quiet", "--root", root, "disable", "ssh"]);
  // The boot partition is mounted where it is; a container has none.
  await writeFile(
    to(`${UNITS}/boot-firmware.mount`),
    "[Unit]\nDefaultDependencies=no\n[Mount]\nWhat=/boot/firmware\nWhere=/boot/firmware\nType=none\nOptions=bind\n",
  );
  await writeFile(to("boot/firmware/first-boot.sh"), script);
};

describeAsRoot(
  ["systemd-nspawn", "mmdebstrap", "mcopy", "ip", "sfdisk"],
  "Arch Linux ARM in a container",
  () => {
    it("finds the board's Ethernet as end0, and lets its users in", async () => {
      const desk = await openDesk("archlinuxarm", twoNodes());
      onTestFailed(async () => {
        desk.fail();
        await desk.close();
      });
      const addPort = async (): Promise<Port> => {
        const port = await desk.lan.addPort(MAC);
        await runTool("ip", [
          "-n",
          port.name,
          "link",
          "set",
          "eth0",
          "name",
          "end0",
        ]);
        return port;
      };
      const node = await desk.node(WORKER, addPort);
      const { seed } = renderSeed(
        await seedInput(sampleProject, {
          ...sampleNode,
          base: "archlinuxarm",
          mac: MAC,
          network: {
            uplink: "eth0",
            addressing: {
              method: "static",
              addresses: [`${ADDRESS}/24`],
              gateways: [ROUTER],
              nameservers: [ROUTER],
              search: [],
            },
            ipv6: "base",
            wifi: [],
          },
        }),
      );
      await asArch(node, seed?.firstBoot ?? "");
      const container = await desk.boot(node);
      const output = async (...command: readonly string[]) =>
        (await container.run(...command)).stdout.trim();
      // There is no pacman here: to ask for it, the node has passed its network phase.
      await until(
        "the packages phase",
        () =>
          container.read(STATUS_FILE)?.includes('"phase":"packages"')
            ? true
            : undefined,
        { seconds: 240, where: () => container.read(STATUS_FILE) ?? "" },
      );
      expect(await output("ip", "-4", "-br", "addr", "show", "end0")).toContain(
        `${ADDRESS}/24`,
      );
      expect(await output("ip", "route", "show", "default")).toContain(
        `via ${ROUTER} dev end0`,
      );
      expect(await output("hostname")).toBe(sampleNode.name);
      expect(await output("resolvectl", "mdns", "end0")).toContain("yes");
      for (const { name } of sampleNode.users) {
        expect(await output("id", "-Gn", name)).toContain(`${name} adm`);
        expect(
          await output(
            "stat",
            "-c",
            "%U:%a",
            `/home/${name}/.ssh/authorized_keys`,
          ),
        ).toBe(`${name}:600`);
      }
      expect(
        await output("stat", "-c", "%s", "/boot/firmware/first-boot.sh"),
      ).toBe("0");
      await desk.close();
    });
  },
);
