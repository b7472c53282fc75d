// A data disk that answers late or never: what keeps data on it waits, the card stays as it is, and people can log in.
//
// A container has no devices of its own, and its systemd waits for none: a unit stands for the disk's device, and this test
// decides when it answers. test/node/data-disk-units.test.ts judges what systemd makes of a real disk's line in fstab.
import { existsSync } from "node:fs";
import {
  appendFile,
  mkdir,
  readFile,
  readdir,
  rm,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFailed } from "vitest";
import { runTool } from "../../../src/system/run/run-tool.ts";
import { describeAsRoot } from "../../support/tools.ts";
import { ADDRESSES, CONTROL_PLANE, twoNodes } from "../support/inventory.ts";
import { USER } from "../support/project.ts";
import { STATUS_FILE } from "../support/status.ts";
import { until } from "../support/until.ts";
import { ssh } from "../vm/ssh.ts";
import type { Container } from "./container.ts";
import { openDesk, type Desk } from "./desk.ts";
import { standInCalls, untilDone, type NspawnNode } from "./node.ts";

const MOUNT = "/var/lib/containerd";
const UNITS = ["containerd.service", "kubelet.service"] as const;
/** containerd makes it when it starts. */
const WRITTEN = "io.containerd.metadata.v1.bolt";

const GATE = `[Unit]
Description=The data disk answers
DefaultDependencies=no

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
ExecStart=/bin/sh -c 'read answer </gate'
`;

/** The phase's own search and its words; what would come after it needs a disk's device. */
const phase = (own: string): string => {
  const search = /^# A base that brings a runtime[^]*?^fi\n/m.exec(own)?.[0];
  expect(search).toContain("systemctl stop");
  return `#!/bin/bash
. "\${0%/*}/../lib.sh"
. "$here/disks.sh"
note_of_id=$state/data-id
${search}
if ! mountpoint --quiet ${MOUNT}; then
  other_disks() { :; }
  choose_disk "$PI_IMAGE_DISK"
fi
systemctl enable pi-image-data.service
`;
};

const NO_DISK = "No NVMe disk answers.";

/** A folder on the card stands for the disk, and no phase looks for one that it could format. */
const layDisk = async ({ root }: NspawnNode): Promise<void> => {
  const dropIns = join(root, "etc/systemd/system/pi-image-node.service.d");
  await mkdir(dropIns, { recursive: true });
  const own = await readFile(
    new URL(
      "../../../cloud-init/files/usr/local/lib/pi-image/phases/15-data",
      import.meta.url,
    ),
    "utf8",
  );
  await writeFile(join(root, "phase"), phase(own), { mode: 0o755 });
  await writeFile(
    join(dropIns, "phase.conf"),
    "[Service]\nBindReadOnlyPaths=/phase:/usr/local/lib/pi-image/phases/15-data\n",
  );
  await mkdir(join(root, "disk"));
  await runTool("mkfifo", [join(root, "gate")]);
  await writeFile(join(root, "etc/systemd/system/gate.service"), GATE);
  await appendFile(
    join(root, "etc/fstab"),
    `/disk\t${MOUNT}\tnone\tbind,nofail,x-systemd.requires=gate.service\t0\t0\n`,
  );
};

const answer = (container: Container) =>
  container.run("sh", "-c", "echo >/gate");

/** What systemd still has to start, by unit. */
const waiting = async (container: Container): Promise<readonly string[]> => {
  const jobs = await container.run("systemctl", "list-jobs", "--no-legend");
  return jobs.stdout
    .split("\n")
    .flatMap((line) => /^ *\d+ +(\S+) +start +waiting/.exec(line)?.[1] ?? []);
};

const stateOf = async (container: Container, unit: string): Promise<string> =>
  (await container.run("systemctl", "is-active", unit)).stdout.trim();

const logIn = async ({ lan, project }: Desk): Promise<void> => {
  await until(
    "a login",
    async () => {
      const { stdout } = await ssh(
        {
          namespace: lan.namespace,
          user: USER,
          host: ADDRESSES[CONTROL_PLANE],
          name: CONTROL_PLANE,
          key: project.key,
          knownHosts: project.knownHosts,
        },
        "whoami",
      );
      return stdout.trim() === USER ? true : undefined;
    },
    { seconds: 120, every: 500 },
  );
};

const untilStatusSays = (container: Container, text: string) =>
  until(
    `the status "${text}"`,
    () => (container.read(STATUS_FILE)?.includes(text) ? true : undefined),
    { seconds: 240, where: () => container.read(STATUS_FILE) ?? "no status" },
  );

const untilActive = (container: Container, unit: string) =>
  until(
    unit,
    async () =>
      (await stateOf(container, unit)) === "active" ? true : undefined,
    { seconds: 120, where: () => stateOf(container, unit) },
  );

describeAsRoot(
  ["systemd-nspawn", "mmdebstrap", "mcopy", "ip", "sfdisk", "ssh"],
  "a data disk that answers late",
  () => {
    it("is waited for at the first boot and at every other, and the card is not written to", async () => {
      const desk = await openDesk(
        "late-disk",
        twoNodes({ defaults: ["storage: sd+nvme-data"] }),
      );
      onTestFailed(async () => {
        desk.fail();
        await desk.close();
      });
      const node = await desk.node(CONTROL_PLANE);
      const onCard = join(node.root, MOUNT);
      const onDisk = join(node.root, "disk");
      await layDisk(node);

      // The base brings containerd, which has started before any phase; it is stopped until the disk is there.
      const first = await desk.boot(node);
      await untilStatusSays(first, NO_DISK);
      expect(await stateOf(first, "containerd")).toBe("inactive");
      await rm(onCard, { recursive: true, force: true });
      await mkdir(onCard);
      await logIn(desk);
      await answer(first);
      await untilDone(node, first);
      expect(await readdir(onDisk)).toContain(WRITTEN);
      expect(await readdir(onCard)).toEqual([]);
      await first.shutDown();

      await rm(join(onDisk, WRITTEN), { recursive: true });
      const kubelets = () =>
        standInCalls(node).filter((line) => line.startsWith("kubelet "));
      const calls = kubelets().length;
      // Not before kubeadm had configured it.
      expect(calls).toBe(1);
      const second = await desk.boot(node);
      await until(
        "the runtime and the kubelet in the queue",
        async () => {
          const jobs = await waiting(second);
          return UNITS.every((unit) => jobs.includes(unit)) ? true : undefined;
        },
        { seconds: 120, where: async () => (await waiting(second)).join() },
      );
      await logIn(desk);
      const says = `"data":"The data disk for ${MOUNT} has not answered since this start. The container runtime and the kubelet wait for it`;
      const status = join(node.root, "var/lib/pi-image/status.json");
      await until(
        "the word that the disk is missing",
        async () =>
          (await readFile(status, "utf8")).includes(says) ? true : undefined,
        { seconds: 120, every: 500, where: () => readFile(status, "utf8") },
      );
      for (const unit of UNITS) {
        expect(await stateOf(second, unit)).toBe("inactive");
      }
      expect(await readdir(onCard)).toEqual([]);
      expect(kubelets()).toHaveLength(calls);

      await answer(second);
      for (const unit of UNITS) {
        await untilActive(second, unit);
      }
      await until(
        "the status without the missing disk",
        async () =>
          (await readFile(status, "utf8")).includes('"data":')
            ? undefined
            : true,
        { seconds: 60, every: 500, where: () => readFile(status, "utf8") },
      );
      expect(await readdir(onCard)).toEqual([]);
      expect(existsSync(join(onDisk, WRITTEN))).toBe(true);
      const journal = await second.run(
        "journalctl",
        "--boot",
        "--unit=pi-image-data",
        "--no-pager",
      );
      expect(journal.stdout).toContain("has not answered since this start");
      expect(journal.stdout).toContain("The data disk answers now.");
      await second.shutDown();
      await desk.close();
    });
  },
);
