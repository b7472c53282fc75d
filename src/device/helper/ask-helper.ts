// Asks the helper that has root's rights for work on a device, under sudo. It is this process's parent.
import { env, ppid } from "node:process";
import { unpackError, type PackedError } from "./packed-error.ts";

/** Variable for the process that does everything else; its value is the helper's process id. */
export const HELPED_BY = "PI_IMAGE_HELPED_BY";

type Answer = {
  readonly answer: number;
  readonly value?: unknown;
  readonly error?: PackedError;
};

/** Not checked by a schema: messages come from our own helper, and nobody else has the other end. */
const isAnswer = (message: unknown): message is Answer =>
  typeof message === "object" && message !== null && "answer" in message;

export const hasHelper = (): boolean =>
  env[HELPED_BY] === String(ppid) && process.send !== undefined;

type Waiting = {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
};

const waiting = new Map<number, Waiting>();
let asked = 0;

const settle = (message: unknown): void => {
  if (!isAnswer(message)) {
    return;
  }
  const one = waiting.get(message.answer);
  waiting.delete(message.answer);
  if (waiting.size === 0) {
    process.channel?.unref();
  }
  if (message.error === undefined) {
    one?.resolve(message.value);
  } else {
    one?.reject(unpackError(message.error));
  }
};

/**
 * @param work see `DeviceWork`; "given" for the devices that this process was started with
 * @throws what the work throws; the process ends when its helper does
 */
export const askHelper = (
  work: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<unknown> =>
  new Promise((resolve, reject) => {
    if (asked === 0) {
      process.on("message", settle);
    }
    asked += 1;
    const ask = asked;
    waiting.set(ask, { resolve, reject });
    // The channel alone does not keep the process alive; an open question must.
    process.channel?.ref();
    process.send?.({ ask, work });
    signal?.addEventListener(
      "abort",
      () => {
        if (waiting.has(ask)) {
          process.send?.({ stop: ask });
        }
      },
      { once: true },
    );
  });
