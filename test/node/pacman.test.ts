// The packages of Arch Linux ARM: what is asked of pacman, and what happens when it updates the kernel.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { tryTool } from "../../src/system/run/run-tool.ts";
import { temporaryFolder } from "../support/folder.ts";

const SCRIPT = packageFile("cloud-init/files/usr/local/lib/pi-image/pacman.sh");

/** Sources the script beside stand-ins for what lib.sh and the system give. */
const run = async (stands: string, kernel = "6.12.1") => {
  const root = await temporaryFolder();
  await mkdir(join(root, "usr/lib/cni"), { recursive: true });
  await mkdir(join(root, "usr/lib/modules/6.12.1"), { recursive: true });
  await writeFile(join(root, "usr/lib/cni/loopback"), "");
  const result = await tryTool(
    "bash",
    [
      "-c",
      `set -euo pipefail
root=${root}
doing() { echo "doing: $*"; }
waits() { echo "waits: $*"; exit 75; }
logged() { shift; echo "$*"; }
uname() { echo ${kernel}; }
sync() { :; }
systemctl() { echo "systemctl $*"; }
${stands}
. ${SCRIPT}
install_with_pacman`,
    ],
    {},
  );
  return { root, ...result };
};

it("asks for all of them at once, with the keys of the distribution", async () => {
  const { root, status, stdout } = await run("");
  expect([status, stdout.trim().split("\n").slice(1)]).toEqual([
    0,
    [
      "pacman-key --init",
      "pacman-key --populate archlinuxarm",
      'bash -c yes | pacman "$@" pacman -Syu --needed sudo containerd kubelet kubeadm kubectl crictl cni-plugins conntrack-tools socat ethtool iptables-nft',
    ],
  ]);
  expect(await readdir(join(root, "opt/cni/bin"))).toEqual(["loopback"]);
});

it("restarts with a new kernel, whose modules are the only ones then", async () => {
  const { status, stdout } = await run("", "6.11.0");
  expect(status).toBe(75);
  expect(stdout).toContain("systemctl reboot\nwaits: The kernel was updated");
});

it("answers pacman's questions, and fails when pacman does", async () => {
  const real = 'logged() { shift; "$@"; }; pacman-key() { :; }';
  const fake = (status: number) =>
    `${real}; pacman() { read -r answer; echo "answer $answer"; return ${status}; }; export -f pacman`;
  const good = await run(fake(0));
  expect([good.status, good.stdout]).toEqual([
    0,
    expect.stringContaining("answer y\n"),
  ]);
  expect((await run(fake(1))).status).toBe(1);
});
