// Whether KVM really runs a kernel here: a /dev/kvm that exists may still fail at the first unusual instruction.
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { toolEnvironment } from "../../../src/system/run/run-tool.ts";
import type { Arch } from "../base/recipe.ts";
import { copyBootFiles } from "./card.ts";

const SECONDS = 15;

/** Boots a kernel as far as its first line on the console. */
const bootsWithKvm = (kernel: string): Promise<boolean> =>
  new Promise((resolve) => {
    const child = spawn(
      "qemu-system-x86_64",
      [
        ..."-M q35 -accel kvm -cpu host -m 512 -nodefaults".split(" "),
        ..."-no-reboot -display none -serial stdio".split(" "),
        "-kernel",
        kernel,
        "-append",
        "console=ttyS0 panic=-1",
      ],
      { env: toolEnvironment(), stdio: ["ignore", "pipe", "ignore"] },
    );
    let said = "";
    const timer = setTimeout(() => child.kill("SIGKILL"), SECONDS * 1000);
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString("latin1");
      if (said.includes("Linux version")) {
        child.kill("SIGKILL");
      }
    });
    child.on("error", () => resolve(false));
    child.on("close", () => {
      clearTimeout(timer);
      resolve(said.includes("Linux version"));
    });
  });

const hasDevice = (): boolean => {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
};

let known: Promise<boolean> | undefined;

const bootsCardWithKvm = async (card: string): Promise<boolean> => {
  const firmware = `${card}.probe`;
  await copyBootFiles(card, ["vmlinuz"], firmware);
  return bootsWithKvm(join(firmware, "vmlinuz"));
};

/** Tried once a run, with the kernel of a card. A foreign architecture is emulated always. */
export const kvmWorks = (arch: Arch, card: string): Promise<boolean> => {
  known ??=
    arch === "amd64" && hasDevice()
      ? bootsCardWithKvm(card)
      : Promise.resolve(false);
  return known;
};
