// One control plane and one worker in virtual machines of the fastest kind, for the tests of whole images.
import type { Base } from "../base/base-image.ts";
import type { Cleanup } from "../support/cleanup.ts";
import { ADDRESSES, CONTROL_PLANE, WORKER } from "../support/inventory.ts";
import { kvmWorks } from "./accelerator.ts";
import { openLab, type Lab, type LabSettings } from "./lab.ts";
import { macOf, type Machine } from "./machine.ts";
import type { VmNode } from "./node.ts";
import { bootQemu } from "./qemu.ts";
import { bootUml } from "./uml.ts";

export type Room = Pick<Lab, "project" | "lan" | "fail" | "close"> & {
  readonly controlPlane: VmNode;
  readonly worker: VmNode;
  readonly boot: (node: VmNode) => Promise<Machine>;
};

type Settings = Omit<LabSettings, "router"> & {
  /** What DNS knows besides the time servers. */
  readonly names?: Readonly<Record<string, string>>;
  /** As the router has it. */
  readonly ahead?: string;
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
  { names = {}, ahead, ...settings }: Settings,
): Promise<Room> => {
  const leases = Object.fromEntries(
    Object.entries(ADDRESSES).map(([node, to]) => [macOf(node), to]),
  );
  const lab = await openLab(name, {
    ...settings,
    router: { names, leases, ...(ahead === undefined ? {} : { ahead }) },
  });
  const { project, lan, fail, close } = lab;
  try {
    const flash = (node: keyof typeof ADDRESSES) =>
      lab.flash(node, ADDRESSES[node]);
    const controlPlane = await flash(CONTROL_PLANE);
    const worker = await flash(WORKER);
    const boot = await bootOn(lab.base, worker.spec.card, lab.cleanup);
    return { project, lan, controlPlane, worker, boot, fail, close };
  } catch (error) {
    fail();
    await close();
    throw error;
  }
};
