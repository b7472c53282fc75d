// What machines say on their consoles: the node unit tells there what it does, and a test waits for it.
import { readFile } from "node:fs/promises";
import { stripVTControlCharacters } from "node:util";
import { until } from "../support/until.ts";
import type { Machine, MachineSpec } from "./machine.ts";

/** All that a machine has said so far, on every boot. */
export const consoleOf = async ({ log }: MachineSpec): Promise<string> =>
  stripVTControlCharacters(await readFile(log, "utf8").catch(() => ""));

/** Waits for a text on a console after what was said earlier; a failure tells the last line of the node unit. */
export const untilTold = (
  what: string,
  text: string,
  {
    spec,
    earlier,
    machines,
    seconds,
  }: {
    readonly spec: MachineSpec;
    readonly earlier: string;
    /** All of them have to stay on meanwhile. */
    readonly machines: readonly Machine[];
    readonly seconds: number;
  },
): Promise<true> => {
  const said = async () => (await consoleOf(spec)).slice(earlier.length);
  return until(
    what,
    async () => ((await said()).includes(text) ? true : undefined),
    {
      seconds,
      hopeless: () =>
        machines.every((machine) => machine.isOn())
          ? undefined
          : "a machine has ended",
      where: async () =>
        (await said())
          .split("\n")
          .findLast((told) => told.includes("[pi-image]")) ??
        "the node unit has not said anything",
    },
  );
};
