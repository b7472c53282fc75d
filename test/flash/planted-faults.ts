// Faults between the engine and a device.
import type { OpenTarget } from "../../src/device/open/opened-target.ts";

export const systemError = (code: string): Error =>
  Object.assign(new Error(`${code}: made up`), { code });

/** Runs `before` ahead of every write that covers the offset. */
export const onWrite =
  (offset: number, before: (times: number) => void | Promise<void>) =>
  (target: OpenTarget): OpenTarget => {
    let times = 0;
    return {
      ...target,
      write: async (data, at) => {
        if (at <= offset && offset < at + data.length) {
          times += 1;
          await before(times);
        }
        await target.write(data, at);
      },
    };
  };
