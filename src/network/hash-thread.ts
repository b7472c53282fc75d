// The SHA-256 of a file, computed in a thread of its own: decoding and writing go on meanwhile.
import { Worker } from "node:worker_threads";

/** Plain JavaScript for `eval`, because a separate file would have a different name in development than in the package. */
const THREAD = `
const { createHash } = require("node:crypto");
const { readSync } = require("node:fs");
const { parentPort, workerData } = require("node:worker_threads");
const hash = createHash("sha256");
const buffer = Buffer.allocUnsafeSlow(1024 * 1024);
let done = 0;
for (;;) {
  const length = readSync(workerData.fd, buffer, 0, buffer.length, done);
  if (length === 0) break;
  hash.update(length === buffer.length ? buffer : buffer.subarray(0, length));
  done += length;
  parentPort.postMessage({ done });
}
parentPort.postMessage({ digest: hash.digest("hex") });
`;

type Message = { readonly done: number } | { readonly digest: string };

/**
 * Hex, lower case, of everything in the open file; `progress` gets the bytes so far. Rejects with the signal's reason, after
 * the thread has released the file.
 */
export const hashInThread = async (
  fd: number,
  signal: AbortSignal,
  progress: (done: number) => void,
): Promise<string> => {
  signal.throwIfAborted();
  const worker = new Worker(THREAD, {
    eval: true,
    workerData: { fd },
    // The thread holds one buffer; by default its heap could grow to gigabytes.
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
  });
  const stop = (): void => {
    void worker.terminate();
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      let digest: string | undefined;
      worker.on("message", (message: Message) => {
        if ("digest" in message) {
          digest = message.digest;
        } else {
          progress(message.done);
        }
      });
      worker.on("error", reject);
      worker.on("exit", () => {
        if (digest === undefined) {
          reject(signal.reason ?? new Error("the hashing thread ended early"));
        } else {
          resolve(digest);
        }
      });
    });
  } finally {
    signal.removeEventListener("abort", stop);
  }
};
