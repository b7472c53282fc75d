// Whole images on a board with a card reader and an NVMe disk: a system that moves to the disk, and a storage node.
import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { expectApart, expectSound } from "../../node/board/judge.ts";
import { describeAsRoot } from "../../support/tools.ts";
import { tryPort } from "../lan/connect.ts";
import { ROUTER } from "../lan/lan.ts";
import { ALLOWED } from "../nspawn/scrubbed.ts";
import { CONTROL_PLANE } from "../support/inventory.ts";
import { USER } from "../support/project.ts";
import { makeRandom } from "../support/random.ts";
import { secretLines } from "../support/secret-lines.ts";
import { until } from "../support/until.ts";
import { choiceOf, makeBoard } from "./board.ts";
import { consoleOf, untilTold } from "./console.ts";
import { secretsInBootPartition, secretsInRootPartition } from "./dead-card.ts";
import { openLab, type Lab } from "./lab.ts";
import type { Board, Machine } from "./machine.ts";
import { untilNodeIsDone, type VmNode } from "./node.ts";
import { bootFastQemu } from "./qemu.ts";

const STORAGE_NODE = "nas";
const ADDRESS = { [CONTROL_PLANE]: "10.77.0.10", [STORAGE_NODE]: "10.77.0.12" };

const nodeLines = (
  name: keyof typeof ADDRESS,
  role: string,
  storage: string,
) => `  - name: ${name}
    role: ${role}
    storage: ${storage}
    address: ${ADDRESS[name]}/24
    gateway: ${ROUTER}
    nameservers: [${ROUTER}]
`;

const INVENTORY = `cluster:
  name: desk
  kubernetes: "1.36"
  endpoint: ${CONTROL_PLANE}
defaults:
  board: pi5
  users:
    - name: ${USER}
      sshKeys: ["\${key}"]
nodes:
${nodeLines(CONTROL_PLANE, "control-plane", "sd-to-nvme")}${nodeLines(STORAGE_NODE, "storage", "sd+nvme-data")}`;

/** A card's size is a power of two in QEMU. */
const SIZE = { memoryMib: 1024, cardGib: 4 };
const NVME_GIB = 2;

/** Milliseconds: four boots of an emulated processor and two copies. */
const TEST_MS = 1_800_000;

/** Seconds that a boot, or a copy and its comparison, may take on a busy machine. */
const PATIENCE = 900;

/** Less than the system's files have: when the disk holds so much, the copy is not at its end on any machine. */
const CUT_BEFORE_MIB = 400;

describeAsRoot(
  [
    "mmdebstrap",
    "mcopy",
    "ip",
    "sfdisk",
    "dnsmasq",
    "ssh",
    "qemu-system-x86_64",
  ],
  "disks of whole boards",
  () => {
    const random = makeRandom();
    let lab: Lab;

    beforeAll(async () => {
      lab = await openLab("storage", { inventory: INVENTORY, size: SIZE });
      return () => lab.close();
    });

    // Both at once: an emulated machine seldom has work for both of its processors.
    const test = (title: string, body: () => Promise<void>) =>
      it.concurrent(title, { timeout: TEST_MS }, async ({ onTestFailed }) => {
        onTestFailed(() => {
          lab.fail();
          console.log(`To see it again: PI_IMAGE_BOOT_SEED=${random.seed}`);
        });
        await body();
      });

    const makeNode = async (
      name: keyof typeof ADDRESS,
    ): Promise<{ readonly node: VmNode; readonly board: Board }> => {
      const node = await lab.flash(name, ADDRESS[name]);
      const board = await makeBoard(`${node.spec.card}.board`, NVME_GIB);
      return { node: { ...node, spec: { ...node.spec, board } }, board };
    };

    const boot = ({ spec }: VmNode) =>
      bootFastQemu(lab.base.arch, spec, lab.cleanup);

    /** Boots, and waits until the node unit says this. */
    const bootUntil = async (node: VmNode, text: string): Promise<Machine> => {
      const earlier = await consoleOf(node.spec);
      const machine = await boot(node);
      await untilTold(`"${text}" on ${node.name}`, text, {
        spec: node.spec,
        earlier,
        machines: [machine],
        seconds: PATIENCE,
      });
      return machine;
    };

    /** Boots, and waits until the node unit has said this and the machine restarts. */
    const bootUntilRestart = async (node: VmNode, text: string) => {
      const machine = await bootUntil(node, text);
      await until(
        `the restart of ${node.name}`,
        () => (machine.isOn() ? undefined : true),
        { seconds: PATIENCE, every: 500, where: () => text },
      );
    };

    const answer = async (node: VmNode, command: string): Promise<string> => {
      const { stdout, stderr, status } = await node.ssh(command);
      return status === 0 ? stdout.trim() : `${stdout}${stderr}`.trim();
    };

    const expectCloudInitOnce = async (node: VmNode, seed: string) => {
      const result = await node.ssh("cat /run/cloud-init/result.json");
      expect(JSON.parse(result.stdout)).toMatchObject({
        v1: {
          datasource: expect.stringContaining(`NoCloud [seed=${seed}]`),
          errors: [],
        },
      });
      expect(await answer(node, "ls /var/lib/cloud/instances | wc -l")).toBe(
        "1",
      );
      expect(await answer(node, "systemctl --failed --no-legend --plain")).toBe(
        "",
      );
    };

    test("a control plane moves from the card to the NVMe disk, through a power cut, and its card starts no more", async () => {
      const { node, board } = await makeNode(CONTROL_PLANE);
      const { card } = node.spec;
      const { nvme } = board;
      await bootUntilRestart(
        node,
        "storage: Setting the boot loader to BOOT_ORDER=0xf416",
      );
      const copying = await bootUntil(node, "storage: Copying the system to");
      const least = random.below(CUT_BEFORE_MIB) * 1024 ** 2;
      await until(
        `the first ${least} bytes on the disk`,
        async () =>
          (await stat(nvme)).blocks * 512 >= least ? true : undefined,
        { seconds: PATIENCE, every: 100 },
      );
      await copying.powerCut();
      expect(await choiceOf(board, { mmcblk0: card, nvme0n1: nvme })).toBe(
        card,
      );
      await bootUntilRestart(
        node,
        "storage: Restarting from /dev/nvme0n1 (2G QEMU NVMe Ctrl",
      );
      expect(await choiceOf(board, { mmcblk0: card })).toBeUndefined();

      const machine = await boot(node);
      await untilNodeIsDone(node, machine);
      await expectCloudInitOnce(node, "/dev/nvme0n1p1");
      for (const [folder, device] of [
        ["/", "/dev/nvme0n1p2"],
        ["/boot/firmware", "/dev/nvme0n1p1"],
      ] as const) {
        expect(
          await answer(node, `findmnt --noheadings --output SOURCE ${folder}`),
        ).toBe(device);
      }
      expect(await answer(node, "cat /var/lib/pi-image/notes/storage")).toMatch(
        /^The system runs from \/dev\/nvme0n1 .* The card no longer starts\.$/,
      );
      expect(await answer(node, "sudo grep REFUSED /var/log/stand-ins")).toBe(
        "",
      );
      await node.ssh("sudo systemctl poweroff");
      await machine.ended;
      expectApart(card, nvme);
      expectSound(nvme, lab.project.folder);
      const documents = ["user-data", "network-config"].map((file) =>
        readFileSync(join(lab.project.folder, "out", node.name, file), "utf8"),
      );
      const secrets = secretLines(documents);
      expect(secrets.length).toBeGreaterThan(10);
      for (const [medium, allowed] of [
        [nvme, ALLOWED["control-plane"]],
        [card, ALLOWED.worker],
      ] as const) {
        expect(await secretsInBootPartition(medium, secrets)).toEqual([]);
        expect(
          await secretsInRootPartition(medium, `${medium}.root`, secrets),
        ).toEqual(allowed);
      }
    });

    test("a storage node formats the NVMe disk once and exports it by the kernel's NFS server", async () => {
      const { node } = await makeNode(STORAGE_NODE);
      const first = await boot(node);
      await untilNodeIsDone(node, first);
      await expectCloudInitOnce(node, "/dev/mmcblk0p1");
      expect(
        await answer(node, "findmnt --noheadings --output SOURCE /srv/nfs"),
      ).toBe("/dev/nvme0n1p1");
      const address = ADDRESS[STORAGE_NODE];
      const mount = `sudo mkdir -p /mnt/volume && sudo mount -t nfs -o nfsvers=4.2 ${address}:/srv/nfs/volumes /mnt/volume`;
      expect(
        await answer(
          node,
          `${mount} && echo precious | sudo tee /mnt/volume/file && sudo stat --format %u:%g /srv/nfs/volumes/file && sync`,
        ),
      ).toBe("precious\n65534:65534");
      // Version 3 is refused.
      expect(
        (
          await node.ssh(
            `sudo mount -t nfs -o nfsvers=3,nolock ${address}:/srv/nfs/volumes /mnt`,
          )
        ).status,
      ).not.toBe(0);
      await first.powerCut();

      const second = await boot(node);
      await until(
        "the NFS server at its second boot",
        async () =>
          (await tryPort(lab.lan, address, 2049)) === "open" ? true : undefined,
        {
          seconds: PATIENCE,
          every: 1000,
          hopeless: () => (second.isOn() ? undefined : "the machine has ended"),
          where: async () =>
            (await consoleOf(node.spec)).trim().split("\n").at(-1) ?? "",
        },
      );
      await untilNodeIsDone(node, second);
      expect(await answer(node, `${mount} && cat /mnt/volume/file`)).toBe(
        "precious",
      );
      await expectCloudInitOnce(node, "/dev/mmcblk0p1");
      await second.powerCut();
    });
  },
);
