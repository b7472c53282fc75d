// One node of a project in a container: its root tree, its cable, and as many boots as a test wants.
import { copyFile, mkdir } from "node:fs/promises";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Port } from "../lan/lan.ts";
import type { Cleanup } from "../support/cleanup.ts";
import type { Project } from "../support/project.ts";
import { DONE_FILE, STATUS_FILE, tellStatus } from "../support/status.ts";
import { until } from "../support/until.ts";
import { bootContainer, type Container } from "./container.ts";
import { makeNodeRoot, mountRootPartition, takeSeed } from "./node-root.ts";

const UNIT = "pi-image-node.service";

export type NspawnNode = {
  readonly name: string;
  /** Folder of what stands for its card; no two nodes share one. */
  readonly card: string;
  readonly root: string;
  /** What the node wrote since it left the builder: the upper folder of the overlay. */
  readonly written: string;
  readonly boot: () => Promise<Container>;
};

let cards = 0;

export const makeNode = async (
  project: Project,
  name: string,
  addPort: () => Promise<Port>,
  logs: string,
  cleanup: Cleanup,
): Promise<NspawnNode> => {
  cards += 1;
  const folder = join(project.folder, `${name}-${cards}`);
  const lower = await mountRootPartition(
    project.image(name),
    `${folder}-base`,
    cleanup,
  );
  const root = await makeNodeRoot(lower, folder, cleanup);
  await takeSeed(project.image(name), join(root, "boot/firmware"));
  await addClock(root);
  const log = join(logs, `${name}-${cards}.console`);
  return {
    name,
    card: folder,
    root,
    written: join(folder, "upper"),
    boot: async () => bootContainer(root, await addPort(), log, cleanup),
  };
};

/** The result of cloud-init's last stage, as its errors. */
export const cloudInitErrors = async (
  node: NspawnNode,
  container: Container,
): Promise<readonly unknown[]> => {
  const json = await until(
    `the end of cloud-init on ${node.name}`,
    () => container.read("/run/cloud-init/result.json"),
    {
      seconds: 120,
      hopeless: () =>
        container.isOn() ? undefined : "the container has ended",
    },
  );
  const { v1 } = JSON.parse(json) as { v1: { errors: readonly unknown[] } };
  return v1.errors;
};

/** A container has its host's clock, and no time server of its own. */
export const addClock = async (root: string): Promise<void> => {
  await mkdir(join(root, "usr/local/bin"), { recursive: true });
  await copyFile(
    join(import.meta.dirname, "timedatectl"),
    join(root, "usr/local/bin/timedatectl"),
  );
};

/** Waits for a file that the node writes; a failure tells what the node says it is doing. */
export const untilWritten = (
  node: NspawnNode,
  container: Container,
  path: string,
  seconds = 240,
): Promise<true> =>
  until(
    `${path} on ${node.name}`,
    () => (existsSync(join(node.root, path)) ? true : undefined),
    {
      seconds,
      every: 5,
      hopeless: () =>
        container.isOn() ? undefined : "the container has ended",
      where: () => tellStatus(node.name, container.read(STATUS_FILE)),
    },
  );

/** The node says that it is done, and its unit has ended. */
export const untilDone = async (
  node: NspawnNode,
  container: Container,
  seconds?: number,
): Promise<void> => {
  await untilWritten(node, container, DONE_FILE, seconds);
  await until(
    `the end of the node unit on ${node.name}`,
    async () => {
      const state = await container.run("systemctl", "is-active", UNIT);
      return state.stdout.trim() === "inactive" ? true : undefined;
    },
    { seconds: 60, every: 200 },
  );
};

/** What the stand-ins were called with, one call a line; REFUSED lines are what they did not accept. */
export const standInCalls = (node: NspawnNode): readonly string[] => {
  const log = join(node.root, "var/log/stand-ins");
  return existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
};
