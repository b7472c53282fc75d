// One node of a project in a virtual machine: a card flashed by pi-image, and as many boots as a test wants.
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ToolResult } from "../../../src/system/run/run-tool.ts";
import type { Lan } from "../lan/lan.ts";
import { piImage, USER, type Project } from "../support/project.ts";
import { DONE_FILE, STATUS_FILE, tellStatus } from "../support/status.ts";
import { until } from "../support/until.ts";
import type { Machine, MachineSpec } from "./machine.ts";
import { ssh } from "./ssh.ts";

export type Size = { readonly memoryMib: number; readonly cardGib: number };

/** The card is larger than the image, so that there is something to grow into. */
const SMALL: Size = { memoryMib: 1024, cardGib: 3 };

export type VmNode = {
  readonly name: string;
  readonly spec: MachineSpec;
  /** A command on the node as the inventory's user, at its address. */
  readonly ssh: (command: string) => Promise<ToolResult>;
};

export const flashNode = async (
  project: Project,
  base: string,
  name: string,
  address: string,
  lan: Lan,
  logs: string,
  size: Size = SMALL,
): Promise<VmNode> => {
  const card = join(project.folder, `${name}.card`);
  await writeFile(card, "");
  await truncate(card, size.cardGib * 1024 ** 3);
  await piImage(
    project,
    "flash",
    card,
    "--host",
    name,
    "--base",
    base,
    "--insecure",
    "--yes",
  );
  return {
    name,
    spec: {
      name,
      card,
      tap: await lan.addTap(name),
      namespace: lan.namespace,
      log: join(logs, `${name}.console`),
      memoryMib: size.memoryMib,
    },
    ssh: (command) =>
      ssh(
        {
          namespace: lan.namespace,
          user: USER,
          host: address,
          key: project.key,
          knownHosts: project.knownHosts,
          name,
        },
        command,
      ),
  };
};

const hopelessWhenOff = (machine: Machine) => () =>
  machine.isOn() ? undefined : "the machine has ended, see its console";

/** Waits until a command over ssh succeeds, and returns what it printed. */
export const untilSays = (
  node: VmNode,
  machine: Machine,
  what: string,
  command: string,
  seconds = 1500,
): Promise<string> =>
  until(
    `${what} on ${node.name}`,
    async () => {
      const answer = await node.ssh(command);
      return answer.status === 0 ? answer.stdout.trim() : undefined;
    },
    {
      seconds,
      every: 1000,
      hopeless: hopelessWhenOff(machine),
      where: async () => {
        const status = await node.ssh(`cat ${STATUS_FILE}`);
        return status.status === 0
          ? tellStatus(node.name, status.stdout)
          : `no answer by ssh: ${status.stderr.trim().split("\n").at(-1)}`;
      },
    },
  );

export const untilNodeIsDone = (
  node: VmNode,
  machine: Machine,
): Promise<string> =>
  untilSays(
    node,
    machine,
    "the end of the node unit",
    `test -e ${DONE_FILE} && ! systemctl is-active --quiet pi-image-node`,
  );
