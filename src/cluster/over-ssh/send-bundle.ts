// Sends a bundle to a node over SSH, and asks which one a node has.
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { errorCode, systemCode } from "../../report/expected-failure.ts";
import { startProgram } from "../../system/run/start-program.ts";
import { toolEnvironment, toolMissing } from "../../system/run/run-tool.ts";
import { asOneLine } from "../one-line.ts";
import { sshFailure, SSH_FAILED } from "./ask-over-ssh.ts";
import type { NodeAnswer, OverSsh } from "./run-as-root.ts";
import { runNodeScript, wholeNodeScript } from "./run-node-script.ts";

export type SentBundle = {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** SHA-256 of its index. */
  readonly index: string;
};

/** The node reads a whole bundle from its card before it answers. */
const LOOK_MS = 180_000;

/** A connection that is dead without a word ends after a minute. */
const OPTIONS = ["-o", "LogLevel=ERROR", "-o", "ServerAliveInterval=15"];

const TAKE = ["sudo", "-n", "bash", "-s", "take"];

const wordsOf = ({ index, sha256, bytes }: SentBundle): readonly string[] => [
  index,
  sha256,
  String(bytes),
];

/** "lacks" where there is room for it, and a reason where there is none. */
export const lookForBundle = async (
  node: string,
  bundle: SentBundle,
  asked: OverSsh,
): Promise<NodeAnswer & { readonly has?: boolean }> => {
  const answer = await runNodeScript(
    node,
    ["bundle", "look", ...wordsOf(bundle)],
    "",
    LOOK_MS,
    asked,
  );
  return answer.ok
    ? { ...answer, has: answer.stdout.trim() === "has" }
    : answer;
};

async function* scriptAndBundle(
  { path }: SentBundle,
  progress: (done: number) => void,
): AsyncGenerator<Uint8Array> {
  yield Buffer.from(await wholeNodeScript("bundle"));
  let done = 0;
  for await (const piece of createReadStream(path)) {
    yield piece;
    done += piece.length;
    progress(done);
  }
}

/** What writing gives where ssh has ended meanwhile: which one, depends on the moment. */
const ENDED_EARLY = ["EPIPE", "ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE"];

/**
 * The node has it, whole and on its disk, where this says that all is well.
 *
 * @param progress called with the bytes that are on their way so far
 * @throws UserError TOOL_MISSING
 */
export const sendBundle = async (
  node: string,
  bundle: SentBundle,
  { sshConfig, signal }: OverSsh,
  progress: (done: number) => void,
): Promise<NodeAnswer> => {
  const child = startProgram(
    "ssh",
    ["-F", sshConfig, ...OPTIONS, node, ...TAKE, ...wordsOf(bundle)],
    { env: toolEnvironment(), stdio: ["pipe", "pipe", "pipe"], signal },
  );
  const stderr: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdout.resume();
  const ended = once(child, "close") as Promise<[number | null]>;
  // A node that ends without reading all of it is judged by its status.
  const sent = pipeline(scriptAndBundle(bundle, progress), child.stdin).catch(
    (error: unknown) => {
      if (!ENDED_EARLY.includes(errorCode(error) ?? "")) {
        throw error;
      }
    },
  );
  try {
    const [[status]] = await Promise.all([ended, sent]);
    const said = Buffer.concat(stderr).toString("utf8");
    if (status === 0) {
      return { ok: true, stdout: "" };
    }
    return {
      ok: false,
      because:
        status === SSH_FAILED
          ? sshFailure(said)
          : asOneLine(said.trim().split("\n").at(-1) ?? "") ||
            `it ended with status ${status ?? "unknown"}`,
    };
  } catch (error) {
    child.kill();
    await Promise.allSettled([ended, sent]);
    throw systemCode(error) === "ENOENT"
      ? toolMissing("ssh", "openssh-client")
      : error;
  }
};
