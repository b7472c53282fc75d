// Streams an archive through a decoder program, such as `zstd -dc`.
import { type FileHandle, open } from "node:fs/promises";
import type { Writable } from "node:stream";
import { awaitedLater } from "../../report/awaited-later.ts";
import { UserError } from "../../report/user-error.ts";
import { toolEnvironment, toolMissing } from "../../system/run/run-tool.ts";
import { startProgram } from "../../system/run/start-program.ts";
import { imageDamaged } from "./damage.ts";

/** The decoder ended with an error; the message is its own, without the names of tool and file. */
export class DecodeFailure extends Error {
  override readonly name = "DecodeFailure";
}

/** What the decoder said, without "xz: (stdin): ". */
export const decoderWords = (stderr: string): string =>
  stderr
    .trim()
    // bzip2 says in its first paragraph what is wrong, and then what may have caused it.
    .replace(/\n\s*Input file = [^]*/, "")
    .split("\n")
    .slice(-2)
    .map((line) =>
      line.replace(/^\w+: (?:(?:\(stdin\)|\/\*stdin\*\\)\s*: ?)?/, ""),
    )
    .join("; ");

/** Not the file's fault: memory ran out, or somebody stopped it. */
export const toolKilled = (tool: string, by: string): UserError =>
  new UserError("TOOL_FAILED", `${tool} was stopped by ${by}`, {
    state: "nothing was written",
    hint: "if memory ran out, close other programs and run the command again",
  });

type Decoder = {
  readonly tool: string;
  readonly args: readonly string[];
  /** Debian package of the tool. */
  readonly package: string;
  /** How many bytes of the file it gets; undefined for all. */
  readonly length?: number | undefined;
  /** Called with what it wrote to stderr when it ended with 0. */
  readonly said?: (words: string) => void;
};

/** Reports no errors itself: they show in how the decoder ends, because it lacks bytes or is gone. */
const sendPart = (
  input: FileHandle,
  stdin: Writable | null,
  length: number | undefined,
): void => {
  if (stdin === null || length === undefined) {
    return;
  }
  const part = input.createReadStream({
    start: 0,
    end: length - 1,
    autoClose: false,
  });
  part.on("error", () => stdin.destroy());
  stdin.on("error", () => part.destroy());
  part.pipe(stdin);
};

/** What the tool makes of the whole file, or of its beginning. Ends with DecodeFailure when the tool does not end with 0. */
export async function* toolPieces(
  path: string,
  decoder: Decoder,
): AsyncGenerator<Buffer> {
  // A handle for this child alone, because reading moves the handle's offset.
  const input = await open(path, "r");
  try {
    const child = startProgram(decoder.tool, decoder.args, {
      env: toolEnvironment(),
      stdio: [decoder.length === undefined ? input.fd : "pipe", "pipe", "pipe"],
    });
    const { stdout, stderr } = child;
    sendPart(input, child.stdin, decoder.length);
    if (stdout === null || stderr === null) {
      throw new Error("a child process with pipes has pipes");
    }
    const ended = new Promise<number>((resolve, reject) => {
      child.on("error", (error: NodeJS.ErrnoException) => {
        reject(
          error.code === "ENOENT"
            ? toolMissing(decoder.tool, decoder.package)
            : error,
        );
      });
      child.on("close", (status, signal) => {
        if (status === null) {
          reject(toolKilled(decoder.tool, signal ?? "a signal"));
        } else {
          resolve(status);
        }
      });
    });
    awaitedLater(ended);
    let words = "";
    stderr.on("data", (text: Buffer) => {
      words = `${words}${text.toString("utf8")}`.slice(-4096);
    });
    try {
      for await (const piece of stdout) {
        yield piece as Buffer;
      }
      if ((await ended) !== 0) {
        throw new DecodeFailure(decoderWords(words));
      }
      decoder.said?.(words);
    } finally {
      child.kill("SIGKILL");
      await Promise.allSettled([ended]);
    }
  } finally {
    await input.close();
  }
}

/**
 * The pieces of an image. If its decoder fails, the file is damaged, and the error says how far it could be decoded.
 * @param kind such as ".bz2"
 * @throws UserError IMAGE_DAMAGED
 */
export async function* damageTold(
  path: string,
  kind: string,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  try {
    for await (const piece of pieces) {
      done += piece.length;
      yield piece;
    }
  } catch (error) {
    throw error instanceof DecodeFailure
      ? imageDamaged(
          path,
          `its ${kind} data cannot be decoded beyond byte ${done} of the image`,
          [error.message],
          error,
        )
      : error;
  }
}
