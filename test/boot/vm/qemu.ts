// Boots a card in QEMU with the kernel and the initial RAM disk of its own boot partition, as the firmware would.
import { join } from "node:path";
import type { Arch } from "../base/recipe.ts";
import { kvmWorks } from "./accelerator.ts";
import type { Cleanup } from "../support/cleanup.ts";
import { boardArguments, startBoard } from "./board.ts";
import { copyBootFiles, kernelCommandLine } from "./card.ts";
import {
  macOf,
  startMachine,
  type Machine,
  type MachineSpec,
} from "./machine.ts";

const PROGRAM: Readonly<Record<Arch, readonly string[]>> = {
  amd64: ["qemu-system-x86_64", "-M", "q35", "-cpu", "max"],
  arm64: ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72"],
};

const SERIAL: Readonly<Record<Arch, string>> = {
  amd64: "ttyS0",
  arm64: "ttyAMA0",
};

/**
 * With two emulated processors QEMU 7.2 sometimes loses a timer's interrupt; a kernel that asks for one at a time then sleeps for
 * good. One that ticks wakes up at the next tick.
 */
const TICKING = ["nohz=off", "highres=off"];

export const bootQemu = async (
  arch: Arch,
  accelerator: "kvm" | "tcg",
  spec: MachineSpec,
  cleanup: Cleanup,
): Promise<Machine> => {
  const { board, card } = spec;
  const firmware = `${card}.boot`;
  const medium = board === undefined ? card : await startBoard(card, board);
  await copyBootFiles(medium, ["vmlinuz", "initrd.img"], firmware);
  const words = await kernelCommandLine(medium);
  const append = [
    ...words,
    `console=${SERIAL[arch]}`,
    // A kernel that gives up ends the machine, so that nobody waits for it.
    "panic=-1",
    ...(accelerator === "tcg" ? TICKING : []),
    ...(spec.kernelWords ?? []),
  ];
  return startMachine(
    spec,
    [
      ...PROGRAM[arch],
      "-accel",
      accelerator === "kvm" ? "kvm" : "tcg,thread=multi",
      "-smp",
      "2",
      "-m",
      String(spec.memoryMib),
      "-nodefaults",
      "-no-reboot",
      "-display",
      "none",
      "-serial",
      "stdio",
      "-kernel",
      join(firmware, "vmlinuz"),
      "-initrd",
      join(firmware, "initrd.img"),
      "-append",
      append.join(" "),
      ...(board === undefined
        ? ["-drive", `file=${card},if=virtio,format=raw,cache=unsafe`]
        : boardArguments(card, board)),
      "-netdev",
      `tap,id=lan,ifname=${spec.tap},script=no,downscript=no`,
      "-device",
      `virtio-net-pci,netdev=lan,mac=${macOf(spec.name)}`,
      "-device",
      "virtio-rng-pci",
    ],
    cleanup,
  );
};

/** With the processor's help where there is any. */
export const bootFastQemu = async (
  arch: Arch,
  spec: MachineSpec,
  cleanup: Cleanup,
): Promise<Machine> => {
  const kvm = await kvmWorks(arch, spec.card);
  return bootQemu(arch, kvm ? "kvm" : "tcg", spec, cleanup);
};
