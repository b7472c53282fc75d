// A build from a root file system without cloud-init: the image that is made of it, and the first boot that it gets.
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { expect, it } from "vitest";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const ARCHIVE = "ArchLinuxARM-rpi-aarch64-latest.tar.gz";
const MiB = 1024 * 1024;
const ROOT = 513 * MiB;

const archive = async (): Promise<Buffer> => {
  const tar = pack();
  const mtime = new Date("2026-01-02T03:04:05Z");
  for (const name of ["boot", "etc", "etc/systemd", "usr", "usr/lib"]) {
    tar.entry({ name: `./${name}/`, type: "directory", mode: 0o755, mtime });
  }
  const files = {
    "boot/config.txt": "arm_64bit=1\n",
    "boot/cmdline.txt": "root=/dev/mmcblk0p2 rw rootwait console=tty1\n",
    "etc/fstab": "/dev/mmcblk0p1 /boot vfat defaults 0 0\n",
    "etc/shadow":
      "root:$6$salt$hash:19000::::::\nalarm:$6$salt$hash:19000:0:99999:7:::\n",
  };
  for (const [name, text] of Object.entries(files)) {
    tar.entry({ name: `./${name}`, mode: 0o644, mtime }, text);
  }
  tar.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of tar) {
    pieces.push(piece as Buffer);
  }
  return gzipSync(Buffer.concat(pieces));
};

const project = async (nodes: string): Promise<string> => {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, ARCHIVE), await archive());
  await writeFile(
    join(cwd, "cluster.yaml"),
    `cluster: {name: homelab}
defaults:
  base: ./${ARCHIVE}
  timezone: Europe/Madrid
  users: [{name: ana, sshKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x]}]
nodes:
${nodes}
`,
  );
  return cwd;
};

const NODES = `  - {name: cplane, role: control-plane, address: 192.168.1.50/24, gateway: 192.168.1.1}
  - name: worker1
    role: worker
    wifi: {ssid: "it's home", country: ES, password: "env:WIFI"}`;

const run = (cwd: string, ...args: readonly string[]) =>
  runCli(args, {
    cwd,
    env: { SOURCE_DATE_EPOCH: "1790000000", WIFI: "correct horse" },
  });

describeWithTools(
  ["mke2fs", "debugfs", "e2fsck", "mcopy", "shellcheck"],
  "a root file system as a base",
  () => {
    it("becomes an image whose own unit does what cloud-init does elsewhere", async () => {
      const cwd = await project(NODES);
      const { status, stderr } = await run(
        cwd,
        "build",
        "--host",
        "worker1",
        "--insecure",
      );
      expect(status, stderr).toBe(0);
      const image = join(cwd, "out/worker1.img");
      await runTool("e2fsck", ["-fn", `${image}?offset=${ROOT}`]);
      const units = await runTool("debugfs", [
        "-R",
        "ls /etc/systemd/system/multi-user.target.wants",
        `${image}?offset=${ROOT}`,
      ]);
      expect(units.stdout).toContain("pi-image-first-boot.service");
      const inImage = async (path: string) =>
        (
          await runTool("debugfs", [
            "-R",
            `cat ${path}`,
            `${image}?offset=${ROOT}`,
          ])
        ).stdout;
      expect(await inImage("/etc/shadow")).toBe(
        "root:!*:19000::::::\nalarm:!*:19000:0:99999:7:::\n",
      );
      expect(await inImage("/etc/fstab")).toBe(
        "/dev/mmcblk0p1 /boot vfat defaults,umask=0077 0 0\n",
      );
      expect(
        await inImage("/etc/systemd/system/sshd.service.d/sshd.conf"),
      ).toContain("Requires=pi-image-first-boot.service\nAfter=");
      const onCard = async (name: string) =>
        (await runTool("mtype", ["-i", `${image}@@${MiB}`, `::/${name}`]))
          .stdout;
      expect(await onCard("cmdline.txt")).toMatch(
        /^root=\/dev\/mmcblk0p2 .* cgroup_enable=memory/,
      );

      const script = join(cwd, "first-boot.sh");
      await writeFile(script, await onCard("first-boot.sh"));
      await runTool("shellcheck", ["--severity=warning", script]);
      const root = join(cwd, "root");
      await mkdir(join(root, "etc"), { recursive: true });
      // No line that writes is run, should the refusal be gone.
      const refused = await tryTool("bash", [
        "-c",
        'head -n 6 "$1" | bash; exit "${PIPESTATUS[1]}"',
        "bash",
        script,
      ]);
      expect(refused.status).toBe(1);
      expect(refused.stderr).toContain("nothing was done here");
      // As an argument: programs get no variable of pi-image's own, and without this one the script is for this very machine.
      // Notes the files that others can read, each time that the next one is there and still empty.
      const bin = join(cwd, "bin");
      await mkdir(bin);
      await writeFile(
        join(bin, "base64"),
        `#!/bin/sh\nfind ${root} -type f -perm /044 -printf '%P\\n' >>${cwd}/open\nexec /usr/bin/base64 "$@"\n`,
        { mode: 0o755 },
      );
      const made = await tryTool("env", [
        `PI_IMAGE_ROOT=${root}`,
        `PATH=${bin}:/usr/bin:/bin`,
        "bash",
        script,
      ]);
      expect(made.status, made.stderr).toBe(0);
      const on = (path: string) => readFile(join(root, path), "utf8");
      expect(await on("etc/hostname")).toBe("worker1\n");
      expect(await on("etc/locale.conf")).toBe("LANG=C.UTF-8\n");
      expect(await on("etc/ssh/ssh_host_ed25519_key")).toContain("PRIVATE KEY");
      expect(await on("etc/systemd/network/05-pi-image-wlan0.network")).toBe(
        "[Match]\nName=wlan0\n[Link]\nRequiredForOnline=yes\n[Network]\nDHCP=ipv4\nMulticastDNS=yes\n[DHCPv4]\nClientIdentifier=mac\n",
      );
      expect(await on("etc/systemd/network/05-pi-image-eth0.network")).toBe(
        "[Match]\nName=eth0 end0\n[Link]\nRequiredForOnline=no\n[Network]\nDHCP=ipv4\nMulticastDNS=yes\n[DHCPv4]\nRouteMetric=1000\nClientIdentifier=mac\n",
      );
      const everOpen = new Set(
        (await readFile(join(cwd, "open"), "utf8")).split("\n"),
      );
      const closed = (
        await runTool("find", [
          root,
          "-type",
          "f",
          "!",
          "-perm",
          "/044",
          "-printf",
          "%P\n",
        ])
      ).stdout
        .trim()
        .split("\n");
      expect(closed).toContain("etc/ssh/ssh_host_ed25519_key");
      expect(closed.filter((path) => everOpen.has(path))).toEqual([]);
      expect(everOpen).toContain("etc/hostname");
      expect(await on("etc/ssh/sshd_config.d/10-pi-image.conf")).toBe(
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n",
      );
      const wifi = await on("etc/wpa_supplicant/wpa_supplicant-wlan0.conf");
      expect(wifi).toContain("country=ES\n");
      expect(wifi).toContain(
        `  ssid=${Buffer.from("it's home").toString("hex")}\n  key_mgmt=WPA-PSK\n  psk=`,
      );
      expect(await on("usr/local/lib/pi-image/pacman.sh")).toContain("pacman");
      expect(await on("usr/local/lib/pi-image/phases/30-packages")).toContain(
        "#!/bin/bash",
      );
      const text = await readFile(script, "utf8");
      expect(
        text.indexOf("install -d -m 0700 \"$root\"'/home/ana/.ssh'"),
      ).toBeLessThan(
        text.indexOf(
          "install -D -m 0600 /dev/null \"$root\"'/home/ana/.ssh/authorized_keys'",
        ),
      );
      expect(text).toContain(
        "useradd --create-home --gid 'ana' --shell '/bin/bash' 'ana'",
      );
      expect(text).toContain(
        "systemctl start --no-block pi-image-node.service",
      );
    });

    it("is refused under a name that does not say what it is, and so is an image under its name", async () => {
      const cwd = await project(NODES);
      await writeFile(join(cwd, "other-rootfs.tar.gz"), await archive());
      await copyFile(
        packageFile("profiles/base-images/sample-ubuntu-24.04.img.xz"),
        join(cwd, "archlinuxarm.img.xz"),
      );
      for (const [base, why] of [
        ["other-rootfs.tar.gz", "is a root file system, and its name does not"],
        ["archlinuxarm.img.xz", "has the name of Arch Linux ARM and is an"],
      ] as const) {
        const args = ["--host=worker1", "--insecure", `--base=${base}`];
        const { status, stderr } = await run(cwd, "build", ...args);
        expect(status).toBe(2);
        expect(stderr).toContain(`error[BASE_UNSUITABLE]: ${base} ${why}`);
        expect(existsSync(join(cwd, "out"))).toBe(false);
      }
    });

    it("is refused where it cannot serve a node, and where it cannot do what a fragment asks", async () => {
      const cwd = await project(
        `${NODES}\n  - {name: disk, role: worker, storage: nvme}`,
      );
      const storage = await run(cwd, "check");
      expect(storage.status).toBe(2);
      expect(storage.stderr).toContain(
        "error[BASE_TOO_OLD]: disk is made from Arch Linux ARM, which boots from the card alone",
      );
      const other = await project(NODES);
      await mkdir(join(other, "cloud-init/fragments/apt"), { recursive: true });
      await writeFile(
        join(other, "cloud-init/fragments/apt/patience.yaml"),
        "#cloud-config\npackage_upgrade: true\n",
      );
      const fragment = await run(other, "check");
      expect(fragment.status).toBe(2);
      expect(fragment.stderr).toContain("error[FRAGMENT_UNSUPPORTED]");
      expect(fragment.stderr).toContain("package_upgrade");
    });
  },
);
