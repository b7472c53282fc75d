// Writes an image as .img.xz or .img.zst: the same bytes for the same image, whatever the number of threads.
import { createHash } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import type { Readable, Writable } from "node:stream";
import { explainNoRoom } from "../../system/disk-full.ts";
import { errorCode } from "../../report/expected-failure.ts";
import { UserError } from "../../report/user-error.ts";
import { publishFile, temporaryName } from "../../system/atomic-file.ts";
import { toolEnvironment, toolMissing } from "../../system/run/run-tool.ts";
import { startProgram } from "../../system/run/start-program.ts";
import type { Chunk } from "../reader.ts";

type EncodedFormat = "xz" | "zstd";

type Encoder = {
  readonly tool: string;
  readonly package: string;
  readonly args: (size: number, threads: number) => readonly string[];
};

const encoders: Readonly<Record<EncodedFormat, Encoder>> = {
  xz: {
    tool: "xz",
    package: "xz-utils",
    // Blocks of 1 MiB, as in Ubuntu's own images, let flashing decode in parallel and skip. Level 1 takes as long as
    // level 0 and is 3 % smaller; level 6 takes six times as long for 7 % more.
    args: (_, threads) => [
      "--compress",
      "--stdout",
      "--format=xz",
      "--check=crc64",
      "-1",
      "--block-size=1MiB",
      // A single thread would write a different file, without sizes in the block headers.
      `--threads=${Math.max(2, threads)}`,
    ],
  },
  zstd: {
    tool: "zstd",
    package: "zstd",
    args: (size, threads) => [
      "--compress",
      "--stdout",
      "--quiet",
      "--check",
      "-9",
      // Given the size, zstd records in the frame how large the image is.
      `--stream-size=${size}`,
      `--threads=${threads}`,
    ],
  },
};

const ZEROS = Buffer.alloc(1024 * 1024);

type EncodeOptions = {
  readonly format: EncodedFormat;
  /** The final name; until everything is written, the file has a temporary one. */
  readonly path: string;
  /** Permissions of the file: an image with secrets is for its owner only. */
  readonly mode: number;
  /** Bytes of the raw image. */
  readonly size: number;
  /** In ascending order; what lies between them is zero. */
  readonly chunks: AsyncIterable<Chunk>;
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of the raw image that were handed to the compressor. */
  readonly progress?: ((done: number) => void) | undefined;
};

type EncodedFile = {
  /** Bytes of the written file. */
  readonly size: number;
  /** SHA-256 of the written file, in hex. */
  readonly sha256: string;
};

/** Resolves when the compressor has taken the bytes: only then may the sender reuse them. */
const send = (stdin: Writable, data: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    stdin.write(data, (error) =>
      error === null || error === undefined ? resolve() : reject(error),
    );
  });

const sendImage = async (
  stdin: Writable,
  options: EncodeOptions,
): Promise<void> => {
  let done = 0;
  const fill = async (end: number) => {
    while (done < end) {
      const zeros = ZEROS.subarray(0, Math.min(ZEROS.length, end - done));
      options.signal?.throwIfAborted();
      await send(stdin, zeros);
      done += zeros.length;
      options.progress?.(done);
    }
  };
  for await (const { offset, data } of options.chunks) {
    if (offset < done || offset + data.length > options.size) {
      throw new RangeError(`a chunk at ${offset} does not follow ${done}`);
    }
    options.signal?.throwIfAborted();
    await fill(offset);
    await send(stdin, data);
    done += data.length;
    options.progress?.(done);
  }
  await fill(options.size);
  stdin.end();
};

const receive = async (
  stdout: Readable,
  file: FileHandle,
): Promise<EncodedFile> => {
  const hash = createHash("sha256");
  let size = 0;
  for await (const piece of stdout) {
    const bytes = piece as Buffer;
    hash.update(bytes);
    await file.writeFile(bytes);
    size += bytes.length;
  }
  await file.sync();
  return { size, sha256: hash.digest("hex") };
};

/** Runs the compressor to its end and gives what it wrote. */
const run = async (
  encoder: Encoder,
  file: FileHandle,
  options: EncodeOptions,
): Promise<EncodedFile> => {
  const args = encoder.args(options.size, availableParallelism());
  const child = startProgram(encoder.tool, args, {
    env: toolEnvironment(),
    stdio: ["pipe", "pipe", "pipe"],
  });
  let words = "";
  child.stderr.on("data", (text: Buffer) => {
    words = `${words}${text.toString("utf8")}`.slice(-4096);
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "ENOENT"
          ? toolMissing(encoder.tool, encoder.package)
          : error,
      );
    });
    child.on("close", (status) => resolve(status ?? 128));
  });
  // Errors of writing come back through `send`.
  child.stdin.on("error", () => undefined);
  const stop = (error: unknown) => {
    child.kill("SIGKILL");
    throw error;
  };
  const [received, status, sent] = await Promise.allSettled([
    receive(child.stdout, file).catch(stop),
    ended,
    sendImage(child.stdin, options).catch(stop),
  ]);
  // When the program is gone, the sender's broken pipe is only the consequence.
  if (received.status === "rejected") {
    throw received.reason;
  }
  if (status.status === "rejected") {
    throw status.reason;
  }
  if (sent.status === "rejected" && !isBrokenPipe(sent.reason)) {
    throw sent.reason;
  }
  if (status.value !== 0) {
    throw new UserError(
      "TOOL_FAILED",
      `${encoder.tool} ended with status ${status.value} while it compressed the image`,
      { facts: words.trim().split("\n").slice(-4) },
    );
  }
  return received.value;
};

const isBrokenPipe = (error: unknown): boolean =>
  ["EPIPE", "ECONNRESET", "ERR_STREAM_DESTROYED"].includes(
    errorCode(error) ?? "",
  );

/** Compresses the image into `path`. Throws TOOL_MISSING, TOOL_FAILED or DISK_FULL and then leaves no file. */
export const encodeImage = async (
  options: EncodeOptions,
): Promise<EncodedFile> => {
  const { path } = options;
  const temporary = temporaryName(path);
  try {
    const file = await open(temporary, "wx", options.mode);
    let encoded: EncodedFile;
    try {
      encoded = await run(encoders[options.format], file, options);
    } finally {
      await file.close();
    }
    await publishFile(temporary, path);
    return encoded;
  } catch (error) {
    await rm(temporary, { force: true });
    throw explainNoRoom(error, path, {
      state: `nothing was kept under the name ${path}`,
      hint: "free some space, or choose another folder with --out",
    });
  }
};
