// Streams an archive through a decoder program, such as `zstd -dc`.
import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { awaitedLater } from "../report/awaited-later.ts";
import { UserError } from "../report/user-error.ts";
import { toolEnvironment, toolMissing } from "../system/run-tool.ts";

/** Options that these variables could add would change what the tools do and write. */
const OPTION_VARIABLES = [
  "XZ_DEFAULTS",
  "XZ_OPT",
  "ZSTD_CLEVEL",
  "ZSTD_NBTHREADS",
] as const;

export const decoderEnvironment = (): NodeJS.ProcessEnv => {
  const env = toolEnvironment();
  for (const name of OPTION_VARIABLES) {
    delete env[name];
  }
  return env;
};

/** The decoder ended with an error; the message is its own, without the names of tool and file. */
export class DecodeFailure extends Error {
  override readonly name = "DecodeFailure";
}

/** What the decoder said, without "xz: (stdin): ". */
export const decoderWords = (stderr: string): string =>
  stderr
    .trim()
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
};

/** What the tool makes of the whole file. Ends with DecodeFailure when the tool does not end with 0. */
export async function* toolPieces(
  path: string,
  decoder: Decoder,
): AsyncGenerator<Buffer> {
  // A handle of its own: the child reads from its offset, and the offset moves.
  const input = await open(path, "r");
  try {
    const child = spawn(decoder.tool, decoder.args, {
      env: decoderEnvironment(),
      stdio: [input.fd, "pipe", "pipe"],
    });
    const { stdout, stderr } = child;
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
    } finally {
      child.kill("SIGKILL");
      await Promise.allSettled([ended]);
    }
  } finally {
    await input.close();
  }
}
