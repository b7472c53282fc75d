// Boots a card in user-mode Linux: a real kernel without any help from the processor, about as fast as the machine itself.
import { basename, dirname, join } from "node:path";
import type { Cleanup } from "../support/cleanup.ts";
import { kernelCommandLine } from "./card.ts";
import {
  macOf,
  startMachine,
  type Machine,
  type MachineSpec,
} from "./machine.ts";

export const bootUml = async (
  uml: string,
  spec: MachineSpec,
  cleanup: Cleanup,
): Promise<Machine> => {
  const words = await kernelCommandLine(spec.card);
  const folder = dirname(spec.card);
  return startMachine(
    spec,
    [
      "sh",
      join(import.meta.dirname, "uml-chroot.sh"),
      uml,
      folder,
      // No initial RAM disk here, hence no search by label; consoles are the firmware's, not this kernel's.
      ...words.filter((word) => !/^(root|console)=/.test(word)),
      "root=/dev/ubda2",
      "ro",
      `mem=${spec.memoryMib}M`,
      `ubd0=/card/${basename(spec.card)}`,
      `umid=${spec.name}`,
      "con=null",
      "con0=null,fd:1",
      "console=tty0",
      `vec0:transport=tap,ifname=${spec.tap},mac=${macOf(spec.name)},depth=64,gro=1`,
      "systemd.show_status=1",
      ...(spec.kernelWords ?? []),
    ],
    cleanup,
  );
};
