// Everything that a container test needs on its desk: a built project, a network, logs, and a way to clear up.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { makeLan, makeSwitch, type Lan, type Port } from "../lan/lan.ts";
import { startRouter, type RouterSettings } from "../lan/router.ts";
import { makeCleanup } from "../support/cleanup.ts";
import { testFolderPrefix } from "../support/sweep.ts";
import { openLogs } from "../support/logs.ts";
import { buildProject, type Project } from "../support/project.ts";
import { secretLines } from "../support/secret-lines.ts";
import { standInBase } from "../support/shared-base.ts";
import type { Container } from "./container.ts";
import { makeNode, type NspawnNode } from "./node.ts";

export type Desk = {
  readonly project: Project;
  /** The network of whatever has no gateway before it. */
  readonly lan: Lan;
  /** Starts what a home's router does; most tests do without. */
  readonly startRouter: (settings: RouterSettings) => void;
  readonly addSwitch: () => Promise<Lan>;
  /** A node with a fresh card, whose eth0 is plugged into the network unless it gets a cable of its own. */
  readonly node: (
    name: string,
    addPort?: () => Promise<Port>,
  ) => Promise<NspawnNode>;
  /** Switches a node on; its journal is kept if the test fails. */
  readonly boot: (node: NspawnNode) => Promise<Container>;
  /** Lines of the seeds that must not stay on a card. */
  readonly secrets: () => readonly string[];
  /** To be called when a test has failed. */
  readonly fail: () => void;
  readonly close: () => Promise<void>;
};

export const openDesk = async (
  name: string,
  inventory: string,
  vendor: () => Promise<{ readonly image: string }> = standInBase,
): Promise<Desk> => {
  const cleanup = makeCleanup();
  const logs = await openLogs(name);
  const containers = new Map<string, Container>();
  const documents: string[] = [];
  let failed = true;
  const close = async () => {
    if (failed) {
      for (const [node, container] of containers) {
        const journal = await container.run("journalctl", "--no-pager");
        await writeFile(join(logs.folder, `${node}.journal`), journal.stdout);
      }
    }
    await cleanup.run();
    await logs.close(failed);
  };
  try {
    const folder = await mkdtemp(testFolderPrefix());
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    const { image } = await vendor();
    const project = await buildProject(folder, inventory, { image });
    const lan = await makeLan(cleanup);
    failed = false;
    return {
      project,
      lan,
      startRouter: (settings) => startRouter(lan, settings, cleanup),
      addSwitch: () => makeSwitch(cleanup),
      node: async (node, addPort = () => lan.addPort()) => {
        const made = await makeNode(
          project,
          node,
          addPort,
          logs.folder,
          cleanup,
        );
        for (const file of ["user-data", "network-config"]) {
          const path = join(made.root, "boot/firmware", file);
          documents.push(await readFile(path, "utf8"));
        }
        return made;
      },
      boot: async (node) => {
        const container = await node.boot();
        containers.set(basename(node.card), container);
        return container;
      },
      secrets: () => secretLines(documents),
      fail: () => {
        failed = true;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};
