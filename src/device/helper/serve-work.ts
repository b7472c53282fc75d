// In the helper with root's rights: does what the process without them asks for, and nothing on a device that was not
// opened for writing.
import { lstat } from "node:fs/promises";
import { z } from "zod";
import type { BlockDevice } from "../block-device.ts";
import { deviceNumber } from "../look/device-number.ts";
import { deviceWork, doHere } from "./device-work.ts";
import { changedError, type GivenDevice } from "./given-device.ts";
import type { OpenedDevice } from "./give-devices.ts";
import { orAbsent } from "../or-absent.ts";
import { packError } from "./packed-error.ts";

const requests = z.union([
  z.object({ stop: z.number() }),
  z.object({
    ask: z.number(),
    work: z.discriminatedUnion("do", [
      z.object({ do: z.literal("given") }),
      ...deviceWork.options,
    ]),
  }),
]);

type Work = Extract<z.infer<typeof requests>, { ask: number }>["work"];

/** The devices as seen by the process that receives their descriptors, which are numbered one after the other. */
const asGiven = (
  devices: readonly OpenedDevice[],
  firstDevice: number,
): readonly GivenDevice[] => {
  let next = firstDevice;
  return devices.map(({ device, writable, opened }): GivenDevice => {
    if ("error" in opened) {
      return { device, opened };
    }
    const fd = next;
    next += 1;
    return { device, opened: { fd, direct: opened.direct, writable } };
  });
};

/** Whether the node is still that of the device that was opened. */
const isStill = async ({ path, number }: BlockDevice): Promise<boolean> => {
  const stats = await orAbsent(lstat(path, { bigint: true }));
  return (
    stats?.isBlockDevice() === true &&
    (number === undefined || deviceNumber(stats.rdev) === number)
  );
};

/**
 * @param firstDevice number of the first opened device in the other process; the others follow
 * @param answer takes what is sent back
 * @returns takes a message, and tells whether it was for us
 */
export const workServer = (
  devices: readonly OpenedDevice[],
  firstDevice: number,
  answer: (message: object) => void,
) => {
  const running = new Map<number, AbortController>();

  const demandWritable = async (path: string): Promise<void> => {
    const opened = devices.find(
      (one) =>
        one.device.path === path && one.writable && "handle" in one.opened,
    );
    if (opened === undefined || !(await isStill(opened.device))) {
      throw changedError(path);
    }
  };

  const perform = async (work: Work, signal: AbortSignal): Promise<unknown> => {
    if (work.do === "given") {
      return asGiven(devices, firstDevice);
    }
    if ("device" in work) {
      await demandWritable(work.device);
    }
    return doHere(work, signal);
  };

  const serve = async (ask: number, work: Work): Promise<void> => {
    const stop = new AbortController();
    running.set(ask, stop);
    try {
      answer({ answer: ask, value: await perform(work, stop.signal) });
    } catch (error) {
      answer({ answer: ask, error: packError(error) });
    } finally {
      running.delete(ask);
    }
  };

  return {
    take: (message: unknown): boolean => {
      const { data } = requests.safeParse(message);
      if (data === undefined) {
        return false;
      }
      if ("stop" in data) {
        running.get(data.stop)?.abort();
      } else {
        void serve(data.ask, data.work);
      }
      return true;
    },
    stop: (): void => {
      for (const one of running.values()) {
        one.abort();
      }
    },
  };
};
