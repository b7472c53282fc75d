// Turns the Debian root into what Ubuntu's Raspberry Pi image has at the places that first boot looks at.
import { cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runTool } from "../../../src/system/run/run-tool.ts";

const ENABLED = ["systemd-networkd", "systemd-resolved", "systemd-timesyncd"];

/** hostapd and NFS are here for the tests alone; netplan starts its own wpa_supplicant. */
const DISABLED = [
  "hostapd",
  "wpa_supplicant",
  "nfs-server.service",
  "nfs-client.target",
  "rpcbind.service",
  "rpcbind.socket",
];

/** What every machine makes for itself. */
const OWN_TO_A_MACHINE = [
  "etc/ssh/ssh_host_rsa_key",
  "etc/ssh/ssh_host_rsa_key.pub",
  "etc/ssh/ssh_host_ecdsa_key",
  "etc/ssh/ssh_host_ecdsa_key.pub",
  "etc/ssh/ssh_host_ed25519_key",
  "etc/ssh/ssh_host_ed25519_key.pub",
  "var/lib/systemd/random-seed",
  "var/lib/dbus/machine-id",
];

export const shapeRoot = async (root: string): Promise<void> => {
  await cp(join(import.meta.dirname, "overlay"), root, { recursive: true });
  await mkdir(join(root, "boot/firmware"), { recursive: true });
  await writeFile(join(root, "etc/hostname"), "ubuntu\n");
  // Empty, not absent: Ubuntu's image too makes the id at its first boot, without the presets of "first boot".
  await writeFile(join(root, "etc/machine-id"), "");
  for (const file of OWN_TO_A_MACHINE) {
    await rm(join(root, file), { force: true });
  }
  for (const folder of ["var/lib/apt/lists", "var/cache/apt", "var/log"]) {
    for (const name of await readdir(join(root, folder))) {
      if (!["partial", "archives", "journal"].includes(name)) {
        await rm(join(root, folder, name), { recursive: true });
      }
    }
  }
  await mkdir(join(root, "var/log/journal"), { recursive: true });
  await runTool("systemctl", ["--quiet", "--root", root, "enable", ...ENABLED]);
  await runTool("systemctl", [
    "--quiet",
    "--root",
    root,
    "disable",
    ...DISABLED,
  ]);
};
