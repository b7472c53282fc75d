// A room with a network, a router and the machines of one project, for the tests of whole images.
import { mkdtemp, rm } from "node:fs/promises";
import type { Base } from "../base/base-image.ts";
import { makeLan, type Lan } from "../lan/lan.ts";
import { startRouter } from "../lan/router.ts";
import { makeCleanup, type Cleanup } from "../support/cleanup.ts";
import { ADDRESSES, CONTROL_PLANE, WORKER } from "../support/inventory.ts";
import { testFolderPrefix } from "../support/sweep.ts";
import { openLogs } from "../support/logs.ts";
import { buildProject, type Project, type Vendor } from "../support/project.ts";
import { standInBase } from "../support/shared-base.ts";
import { kvmWorks } from "./accelerator.ts";
import { macOf, type Machine } from "./machine.ts";
import { flashNode, type Board, type VmNode } from "./node.ts";
import { bootQemu } from "./qemu.ts";
import { bootUml } from "./uml.ts";

export type Room = {
  readonly project: Project;
  readonly lan: Lan;
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
  /** The base to build on; with stand-ins for Kubernetes when not given. */
  readonly vendor?: () => Promise<Vendor & { readonly base: Base }>;
  readonly board?: Board;
};

/** QEMU where the processor helps it, user-mode Linux where not; QEMU alone on a foreign architecture. */
const bootOn = async (
  base: Base,
  card: string,
  cleanup: Cleanup,
): Promise<Room["boot"]> => {
  const { uml } = base;
  if (uml === undefined) {
    return (node) => bootQemu(base.arch, "tcg", node.spec, cleanup);
  }
  return (await kvmWorks(base.arch, card))
    ? (node) => bootQemu(base.arch, "kvm", node.spec, cleanup)
    : (node) => bootUml(uml, node.spec, cleanup);
};

export const openRoom = async (
  name: string,
  { inventory, names = {}, vendor: makeVendor = standInBase, board }: Settings,
): Promise<Room> => {
  const cleanup = makeCleanup();
  const logs = await openLogs(name);
  let failed = true;
  const close = async () => {
    await cleanup.run();
    await logs.close(failed);
  };
  try {
    const folder = await mkdtemp(testFolderPrefix());
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    const vendor = await makeVendor();
    const { base, image } = vendor;
    const project = await buildProject(folder, inventory, vendor);
    const lan = await makeLan(cleanup);
    const leases = Object.fromEntries(
      Object.entries(ADDRESSES).map(([node, to]) => [macOf(node), to]),
    );
    startRouter(lan, { names, leases }, cleanup);
    const flash = (node: keyof typeof ADDRESSES) =>
      flashNode(project, image, node, ADDRESSES[node], lan, logs.folder, board);
    const controlPlane = await flash(CONTROL_PLANE);
    const worker = await flash(WORKER);
    const boot = await bootOn(base, worker.spec.card, cleanup);
    failed = false;
    return {
      project,
      lan,
      controlPlane,
      worker,
      boot,
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
