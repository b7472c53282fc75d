// Cards with real Kubernetes in containers, of any number of nodes: faster than user-mode Linux, with the host's kernel.
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RESTORE_FILE } from "../../../src/build/node-image.ts";
import { runTool, type ToolResult } from "../../../src/system/run/run-tool.ts";
import { baseImage } from "../base/base-image.ts";
import { ROOT_OFFSET } from "../base/disk-layout.ts";
import { makeLan, ROUTER, type Lan } from "../lan/lan.ts";
import { startRouter } from "../lan/router.ts";
import { bootContainer, type Container } from "../nspawn/container.ts";
import { addClock, type NspawnNode } from "../nspawn/node.ts";
import { fitForContainer } from "../nspawn/node-root.ts";
import { makeCleanup, type Cleanup } from "../support/cleanup.ts";
import { ADDRESSES, CONTROL_PLANE, WORKER } from "../support/inventory.ts";
import { openLogs } from "../support/logs.ts";
import {
  buildProject,
  piImage,
  USER,
  type Project,
} from "../support/project.ts";
import { testFolderPrefix } from "../support/sweep.ts";
import { flannelManifest, kubernetesImage, type Shape } from "./binaries.ts";
import { kubectlOn, overSshOn, watchOn, type Desk } from "./desk.ts";

export type Member = {
  readonly name: string;
  readonly role: "control-plane" | "worker";
  readonly address: string;
  readonly shape: Shape;
};

/** One of each role, of the vendor that most take. */
export const UBUNTU_PAIR: readonly Member[] = [
  {
    name: CONTROL_PLANE,
    role: "control-plane",
    address: ADDRESSES[CONTROL_PLANE],
    shape: "ubuntu",
  },
  {
    name: WORKER,
    role: "worker",
    address: ADDRESSES[WORKER],
    shape: "ubuntu",
  },
];

/** A name that only the router of the network knows. */
export const PRINTER = { name: "printer.desk.test", address: "10.77.0.77" };

export type Shelf = {
  readonly project: Project;
  readonly lan: Lan;
  readonly kubectl: Desk["kubectl"];
  /** `pi-image` on the laptop, in the project's folder. */
  readonly piImage: (...words: readonly string[]) => Promise<void>;
  readonly watch: Desk["watch"];
  /** The same where the nodes are reached, with the user's SSH key in an agent. */
  readonly overSsh: (...words: readonly string[]) => Promise<ToolResult>;
  /** A card as `build` left it: each call gives a fresh one. */
  readonly card: (name: string) => Promise<NspawnNode>;
  readonly boot: (node: NspawnNode) => Promise<Container>;
  /** A file on the laptop, for kubectl. */
  readonly write: (text: string) => Promise<string>;
  readonly fail: () => void;
  readonly close: () => Promise<void>;
};

const inventory = (
  members: readonly Member[],
  images: Readonly<Record<Shape, string>>,
  cluster: readonly string[],
  kubernetes: string,
) => `cluster:
  name: desk
  kubernetes: "${kubernetes}"
${cluster.map((line) => `  ${line}\n`).join("")}defaults:
  board: pi5
  gateway: ${ROUTER}
  nameservers: [${ROUTER}]
  users:
    - name: ${USER}
      sshKeys: ["\${key}"]
nodes:
${members
  .map(
    ({ name, role, address, shape }) =>
      `  - { name: ${name}, role: ${role}, address: ${address}/24, base: ${images[shape]} }\n`,
  )
  .join("")}`;

/** What the kubelet and runc need besides what every container of the tests has. */
const OPTIONS = ["--bind=/dev/kmsg", "--system-call-filter=add_key bpf keyctl"];

const makeCard = async (
  image: string,
  seed: string,
  folder: string,
  cleanup: Cleanup,
): Promise<string> => {
  const root = join(folder, "root");
  await mkdir(root, { recursive: true });
  const card = join(folder, "image");
  await runTool("cp", ["--sparse=always", image, card]);
  await runTool("mount", ["-o", `loop,offset=${ROOT_OFFSET}`, card, root]);
  cleanup.defer(async () => {
    await runTool("umount", ["--lazy", root]);
    await rm(folder, { recursive: true, force: true });
  });
  const boot = join(root, "boot/firmware");
  await mkdir(boot, { recursive: true });
  for (const file of ["user-data", "meta-data", "network-config"]) {
    await copyFile(join(seed, file), join(boot, file));
  }
  const snapshot = join(seed, RESTORE_FILE);
  if (existsSync(snapshot)) {
    await copyFile(snapshot, join(boot, RESTORE_FILE));
  }
  await fitForContainer(root);
  await addClock(root);
  return root;
};

type More = {
  /** Of the inventory; a minor or a patch. */
  readonly kubernetes?: string;
  /** Puts files into the project's folder before the build; returns words for `build`. */
  readonly before?: (
    folder: string,
    images: Readonly<Record<Shape, string>>,
  ) => Promise<readonly string[]>;
  /** Changes a new card, whose system has this root. */
  readonly onCard?: (root: string, folder: string) => Promise<void>;
};

export const openShelf = async (
  name: string,
  members: readonly Member[],
  cluster: readonly string[],
  { kubernetes = "1.36", before, onCard }: More = {},
): Promise<Shelf> => {
  const cleanup = makeCleanup();
  const logs = await openLogs(name);
  const containers = new Map<string, Container>();
  let failed = true;
  let cards = 0;
  const close = async () => {
    for (const [card, container] of failed ? containers : []) {
      const journal = await container.run("journalctl", "--no-pager");
      await writeFile(join(logs.folder, `${card}.journal`), journal.stdout);
    }
    await cleanup.run();
    await logs.close(failed);
  };
  try {
    const folder = await mkdtemp(testFolderPrefix());
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    const base = await baseImage("amd64");
    const images: Record<Shape, string> = { ubuntu: "", raspios: "", bare: "" };
    for (const shape of new Set(members.map((member) => member.shape))) {
      images[shape] = await kubernetesImage(base, shape);
    }
    const project = await buildProject(
      folder,
      inventory(members, images, cluster, kubernetes),
      { flannel: await flannelManifest() },
      "--format",
      "seed",
      ...((await before?.(folder, images)) ?? []),
    );
    const lan: Lan = await makeLan(cleanup);
    startRouter(lan, { names: { [PRINTER.name]: PRINTER.address } }, cleanup);
    failed = false;
    return {
      project,
      lan,
      kubectl: kubectlOn(lan, project),
      watch: watchOn(lan, project),
      piImage: (...words) => piImage(project, ...words),
      overSsh: overSshOn(lan, project),
      card: async (node) => {
        const member = members.find((one) => one.name === node);
        if (member === undefined) {
          throw new Error(`no ${node}`);
        }
        cards += 1;
        const card = `${node}-${cards}`;
        const place = join(folder, card);
        const root = await makeCard(
          images[member.shape],
          join(folder, "out", node),
          place,
          cleanup,
        );
        await onCard?.(root, folder);
        const log = join(logs.folder, `${card}.console`);
        return {
          name: node,
          card: place,
          root,
          written: root,
          boot: async () => {
            const port = await lan.addPort();
            const container = await bootContainer(
              root,
              port,
              log,
              cleanup,
              OPTIONS,
            );
            containers.set(card, container);
            return container;
          },
        };
      },
      boot: (node) => node.boot(),
      write: async (text) => {
        const file = join(folder, "objects.json");
        await writeFile(file, text);
        return file;
      },
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
