// One flash onto a card with a fault, or with a signal in the middle.
import { join } from "node:path";
import { vi } from "vitest";
import { oldFile } from "../device/loop.ts";
import { CARD, type CardFault } from "./faults.ts";
import { startFaultyDisk } from "./faulty-disk.ts";
import {
  cardState,
  observe,
  type Running,
  type Seen,
  timeClass,
} from "./observe.ts";
import { image, before } from "./sample-image.ts";

const MIB = 1024 ** 2;

/**
 * Flashes the image of this folder onto a card with the fault.
 * Gives what the user saw, what is on the card, and how soon the fault was noticed.
 */
export const flashWith = async (
  folder: string,
  { fault, args = [], signals = [] }: CardFault,
): Promise<readonly [Seen, string, string]> => {
  const backing = oldFile(join(folder, "backing"), CARD);
  const disk = await startFaultyDisk(backing, fault);
  let signalled: number | undefined;
  const watching = {
    onRecord: (
      record: {
        readonly type: string;
        readonly phase?: string;
        readonly done?: number;
      },
      running: Running,
    ) => {
      const [first, second] = signals;
      const due =
        fault.kind === "none"
          ? record.type === "progress" && (record.done ?? 0) > 4 * MIB
          : record.phase === "flash";
      if (first === undefined || signalled !== undefined || !due) {
        return;
      }
      signalled = Date.now();
      const send = () => {
        signalled = Date.now();
        running.signal(first);
        if (second !== undefined) {
          void vi
            .waitUntil(running.isStopped, { timeout: 120_000 })
            .then(() => running.signal(second));
        }
      };
      if (fault.kind === "none") {
        send();
      } else {
        void vi
          .waitUntil(() => disk.acted() !== undefined, { timeout: 120_000 })
          .then(send);
      }
    },
  };
  const emptied = new AbortController();
  if (fault.kind === "vanishes" && fault.silent > 0) {
    void vi
      .waitUntil(() => disk.acted() !== undefined, {
        timeout: 120_000,
        interval: 20,
      })
      .then(() => {
        if (!emptied.signal.aborted) {
          disk.noticeSize();
        }
      });
  }
  const seen = await observe(
    ["flash", disk.device, "sample.img", "--yes", "--wipe", ...args],
    folder,
    { [disk.device]: "CARD" },
    watching,
  );
  emptied.abort();
  const since = signalled ?? disk.acted();
  const noticed =
    seen.exit === "0" || since === undefined
      ? "-"
      : timeClass(seen.ended - since);
  return [seen, cardState(backing, image, before), noticed];
};
