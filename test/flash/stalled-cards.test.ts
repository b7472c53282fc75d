// Cards that stop answering: they are named and given up, and nobody waits for them.
import { truncateSync } from "node:fs";
import { expect, test } from "vitest";
import { cancelled } from "../../src/report/cancelled.ts";
import type { OpenTarget } from "../../src/device/open/opened-target.ts";
import { describeAsRoot } from "../support/tools.ts";
import { run } from "../device/loop.ts";
import { sampleCards } from "./sample-cards.ts";
import { onWrite } from "./planted-faults.ts";

const MIB = 1024 ** 2;

describeAsRoot(["losetup", "lsblk"], "flashImage with faults", () => {
  test("a device that stops answering is named, then given up, and the others finish", async () => {
    const { card, flashAll } = sampleCards();
    const silent = card("silent");
    const good = card("good");
    let closeSilent = async (): Promise<void> => undefined;
    const wrap = (target: OpenTarget): OpenTarget => {
      closeSilent = target.close;
      return onWrite(12 * MIB, () => new Promise(() => undefined))(target);
    };
    const { results, events } = await flashAll({
      targets: [{ path: silent.device, wrap }, { path: good.device }],
      stallLimits: { warn: 300, giveUp: 3000, stopped: 300 },
    });
    expect(results.map(({ error }) => error?.code)).toEqual([
      "TARGET_STALLED",
      undefined,
    ]);
    expect(events).toContainEqual(
      expect.objectContaining({
        type: "warning",
        subject: silent.device,
        message: expect.stringMatching(/has not answered for .* while writing/),
      }),
    );
    expect(good.holdsImage()).toBe(true);
    expect(silent.boots()).toBe(false);
    // A real request that never ends keeps the device open as long as this process lives.
    await closeSilent();
  });

  test("a device that stops answering at its last look does not hold up the others", async () => {
    const { card, flashAll } = sampleCards();
    const silent = card("silent");
    const good = card("good");
    const stop = new AbortController();
    const sizeOfImage = 20 * MIB;
    let closeSilent = async (): Promise<void> => undefined;
    let forgotten = 0;
    const wrap = (target: OpenTarget): OpenTarget => {
      closeSilent = target.close;
      return {
        ...target,
        forget: () => {
          forgotten += 1;
          // The first is the erasing's, the second comes before the last look.
          return forgotten === 1
            ? target.forget()
            : new Promise(() => undefined);
        },
      };
    };
    const { results } = await flashAll({
      targets: [{ path: silent.device, wrap }, { path: good.device }],
      stallLimits: { warn: 600_000, giveUp: 600_000, stopped: 50 },
      signal: stop.signal,
      report: (event) => {
        // Only when the good card is proven, its first MiB included.
        if (
          event.type === "progress" &&
          event.subject === good.device &&
          event.done === sizeOfImage
        ) {
          stop.abort(cancelled());
        }
      },
    });
    expect(forgotten).toBe(2);
    expect(results.map(({ error }) => error?.code)).toEqual([
      "CANCELLED",
      undefined,
    ]);
    expect(good.holdsImage()).toBe(true);
    expect(silent.boots()).toBe(false);
    await closeSilent();
  });

  test("does not wait for the kernel's patience with a card that was pulled out", async () => {
    const { card, flashOne } = sampleCards();
    const pulled = card();
    let closePulled = async (): Promise<void> => undefined;
    const wrap = (target: OpenTarget): OpenTarget => {
      closePulled = target.close;
      return onWrite(12 * MIB, () => {
        truncateSync(pulled.file, MIB);
        run("losetup", "--set-capacity", pulled.device);
        return new Promise(() => undefined);
      })(target);
    };
    const { error } = await flashOne(pulled.device, wrap);
    expect(error).toMatchObject({ code: "TARGET_GONE", exitCode: 1 });
    expect(pulled.boots()).toBe(false);
    await closePulled();
  });

  test("Ctrl-C does not wait for a device that stopped answering", async () => {
    const { card, flashOne } = sampleCards();
    const silent = card();
    const controller = new AbortController();
    let closeSilent = async (): Promise<void> => undefined;
    const wrap = (target: OpenTarget): OpenTarget => {
      closeSilent = target.close;
      return onWrite(12 * MIB, () => {
        controller.abort(cancelled());
        return new Promise(() => undefined);
      })(target);
    };
    const { error } = await flashOne(silent.device, wrap, {
      signal: controller.signal,
      stallLimits: { warn: 600_000, giveUp: 600_000, stopped: 50 },
    });
    expect(error).toMatchObject({ code: "CANCELLED" });
    expect(silent.boots()).toBe(false);
    await closeSilent();
  });
});
