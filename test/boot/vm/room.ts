// A room with a network, a router and the machines of one project, for the tests of whole images.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Base } from "../base/base-image.ts";
import { makeLan } from "../lan/lan.ts";
import { startRouter } from "../lan/router.ts";
import { makeCleanup } from "../support/cleanup.ts";
import { ADDRESSES, CONTROL_PLANE, WORKER } from "../support/inventory.ts";
import { openLogs } from "../support/logs.ts";
import { buildProject, type Project } from "../support/project.ts";
import { standInBase } from "../support/shared-base.ts";
import { macOf, type Machine } from "./machine.ts";
import { flashNode, type VmNode } from "./node.ts";
import { bootQemu } from "./qemu.ts";
import { bootUml } from "./uml.ts";

export type Room = {
  readonly project: Project;
  readonly controlPlane: VmNode;
  readonly worker: VmNode;
  readonly boot: (node: VmNode) => Promise<Machine>;
  readonly fail: () => void;
  readonly close: () => Promise<void>;
};

type Settings = {
  readonly inventory: string;
  /** What DNS knows besides the time servers. */
  readonly names?: Readonly<Record<string, string>>;
};

/** User-mode Linux where there is one for the architecture; QEMU without help from the processor elsewhere. */
const bootOn =
  (base: Base, cleanup: ReturnType<typeof makeCleanup>) =>
  (node: VmNode): Promise<Machine> =>
    base.uml === undefined
      ? bootQemu(base.arch, "tcg", node.spec, cleanup)
      : bootUml(base.uml, node.spec, cleanup);

export const openRoom = async (
  name: string,
  { inventory, names = {} }: Settings,
): Promise<Room> => {
  const cleanup = makeCleanup();
  const logs = await openLogs(name);
  let failed = true;
  const close = async () => {
    await cleanup.run();
    await logs.close(failed);
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), "pi-image-boot-"));
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    const { base, image } = await standInBase();
    const project = await buildProject(folder, inventory, image);
    const lan = await makeLan(cleanup);
    const leases = Object.fromEntries(
      Object.entries(ADDRESSES).map(([node, to]) => [macOf(node), to]),
    );
    startRouter(lan, { names, leases }, cleanup);
    const flash = (node: keyof typeof ADDRESSES) =>
      flashNode(project, image, node, ADDRESSES[node], lan, logs.folder);
    const controlPlane = await flash(CONTROL_PLANE);
    const worker = await flash(WORKER);
    failed = false;
    return {
      project,
      controlPlane,
      worker,
      boot: bootOn(base, cleanup),
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
