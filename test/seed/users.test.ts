// Users whose names are groups of the image, judged by the real cloud-init and by the real useradd, in a root that has those groups.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { userCommands } from "../../src/seed/first-boot-script.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeAsRoot } from "../support/tools.ts";
import { judge } from "./judge.ts";
import { renderSeed } from "./render-seed.ts";
import { sampleNode, sampleProject, seedInput } from "./sample-project.ts";

/**
 * Some of the groups without a user of their name, by who makes them; the seed holds no list.
 * https://git.launchpad.net/livecd-rootfs, ubuntu-raspi-settings, cloud-init's own default user
 * https://github.com/RPi-Distro/pi-gen/blob/arm64/stage2/01-sys-tweaks/01-run.sh
 * https://gitlab.archlinux.org/archlinux/packaging/packages/filesystem (group), sysusers.d/arch.conf
 */
const IMAGES = {
  ubuntu: "admin lxd netdev render gpio",
  raspios: "input gpio netdev pi",
  archlinuxarm: "wheel network storage",
} as const;

/** Names that no image has, beside them. */
const FREE = ["ana"];

/** The handler that an image's cloud-init runs for `users:`, of whichever version is here. */
const HANDLE = `
import inspect, sys, types, yaml
from cloudinit import distros, helpers, log, util
from cloudinit.config import cc_users_groups
config = yaml.safe_load(open(sys.argv[1]))
paths = helpers.Paths({"cloud_dir": "/run/users-test/cloud", "run_dir": "/run/users-test/run"})
distro = distros.fetch("debian")("debian", {}, paths)
cloud = types.SimpleNamespace(distro=distro, get_public_ssh_keys=lambda: [])
given = {"name": "users_groups", "cfg": config, "cloud": cloud, "log": types.SimpleNamespace(), "args": []}
cc_users_groups.handle(**{k: v for k, v in given.items() if k in inspect.signature(cc_users_groups.handle).parameters})
`;

/** Runs a command where /etc and /home are this test's own, with these groups, and shows who can log in with what. */
const inRoot = async (
  groups: readonly string[],
  names: readonly string[],
  command: string,
) => {
  const folder = await temporaryFolder();
  for (const name of ["etc", "etc-work", "home"]) {
    await mkdir(join(folder, name));
  }
  const script = join(folder, "run.sh");
  await writeFile(
    script,
    `set -eu
mount -t overlay -o lowerdir=/etc,upperdir=${folder}/etc,workdir=${folder}/etc-work overlay /etc
mount --bind ${folder}/home /home
mount -t tmpfs tmpfs /run
mkdir -p /etc/sudoers.d
: >/etc/sudoers.d/README
for group in ${groups.join(" ")}; do getent group "$group" >/dev/null || groupadd --system "$group"; done
${command}
for name in ${names.join(" ")}; do
  echo "$name $(id -gn "$name") $(id -Gn "$name" | tr ' ' '\\n' | sort -u | paste -sd,) $(stat -c %U:%G:%a "/home/$name/.ssh/authorized_keys") $(cat "/home/$name/.ssh/authorized_keys") $(cat /etc/sudoers.d/* | grep -c "^$name .*NOPASSWD")"
done
`,
  );
  return judge("unshare", ["--mount", "bash", script]);
};

const projectWith = (names: readonly string[]) => ({
  ...sampleNode,
  users: names.map((name) => ({
    name,
    shell: "/bin/bash",
    sshKeys: [`ssh-ed25519 AAAA ${name}`],
    sudo: name !== "gpio",
  })),
});

const expected = (names: readonly string[]) =>
  names
    .map((name) => {
      const groups = name === "gpio" ? name : [name, "adm"].toSorted().join();
      return `${name} ${name} ${groups} ${name}:${name}:600 ssh-ed25519 AAAA ${name} ${name === "gpio" ? 0 : 1}\n`;
    })
    .join("");

describeAsRoot(
  ["unshare", "useradd", "cloud-init"],
  "a user whose name is a group of the image",
  () => {
    for (const [system, words] of Object.entries(IMAGES)) {
      const names = [...words.split(" "), ...FREE];
      const base = system === "ubuntu" ? "ubuntu-24.04" : system;
      it(`is let in on ${system}, with the group that is there`, async () => {
        const node = { ...projectWith(names), base };
        const { seed } = renderSeed(await seedInput(sampleProject, node));
        const userData = seed?.userData ?? "";
        const folder = await temporaryFolder();
        const file = join(folder, "input");
        if (system === "archlinuxarm") {
          const { users } = parse(userData) as Parameters<
            typeof userCommands
          >[0];
          const sudoers = users.flatMap(({ name, sudo }) =>
            sudo === undefined
              ? []
              : [`echo '${name} ${sudo}' >/etc/sudoers.d/pi-image-${name}`],
          );
          await writeFile(
            file,
            [
              "set -eu",
              "root=",
              "passwd() { :; }",
              ...userCommands({ users }),
              ...sudoers,
            ].join("\n"),
          );
        } else {
          await writeFile(file, userData);
          await writeFile(join(folder, "handle.py"), HANDLE);
        }
        const command =
          system === "archlinuxarm"
            ? `bash ${file} >&2`
            : `/usr/bin/python3 ${folder}/handle.py ${file} >&2`;
        const { status, output } = await inRoot(
          words.split(" "),
          names,
          command,
        );
        expect(status, output).toBe(0);
        expect(
          output
            .split("\n")
            .filter((line) => names.includes(line.split(" ")[0] ?? ""))
            .map((line) => `${line}\n`)
            .join(""),
        ).toBe(expected(names));
      });
    }
  },
);
