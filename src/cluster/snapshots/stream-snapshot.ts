// Has a control plane make a snapshot of etcd and sends its bytes over SSH, however large it is.
import { once } from "node:events";
import { startProgram } from "../../system/run/start-program.ts";
import { toolEnvironment, toolMissing } from "../../system/run/run-tool.ts";
import { systemCode } from "../../report/expected-failure.ts";
import { sshFailure, SSH_FAILED } from "../over-ssh/ask-over-ssh.ts";
import { asOneLine } from "../one-line.ts";
import type { OverSsh } from "../over-ssh/run-as-root.ts";
import { wholeNodeScript } from "../over-ssh/run-node-script.ts";

export type SnapshotHead = {
  /** Whether the node made it now, or keeps it from an earlier day. */
  readonly origin: "made" | "kept";
  readonly time: Date;
  readonly bytes: number;
};

export type SnapshotStream = {
  readonly head: SnapshotHead;
  readonly data: AsyncIterable<Uint8Array>;
};

export type StreamAnswer<Result> =
  | { readonly ok: true; readonly result: Result }
  /** The reason, as the second half of a sentence. */
  | { readonly ok: false; readonly because: string };

/** cloud-init/over-ssh/backup writes it before the bytes. */
const HEAD = /^(made|kept) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (\d+)\n/;
const HEAD_MOST = 100;

/** A connection that is dead without a word ends after a minute. */
const OPTIONS = ["-o", "LogLevel=ERROR", "-o", "ServerAliveInterval=15"];

/** Waits for the first line; undefined where the output ends, or goes on without one. */
const splitHead = async (
  chunks: AsyncIterator<Buffer>,
): Promise<(SnapshotStream & { readonly rest: Buffer }) | undefined> => {
  let first = Buffer.alloc(0);
  while (first.length < HEAD_MOST && !first.includes("\n")) {
    const next = await chunks.next();
    if (next.done === true) {
      break;
    }
    first = Buffer.concat([first, next.value]);
  }
  const found = HEAD.exec(first.subarray(0, HEAD_MOST).toString("latin1"));
  if (found === null) {
    return undefined;
  }
  const [line, origin, time = "", bytes] = found;
  const rest = first.subarray(line.length);
  return {
    head: {
      origin: origin === "kept" ? "kept" : "made",
      time: new Date(time),
      bytes: Number(bytes),
    },
    rest,
    data: (async function* () {
      yield rest;
      for (
        let next = await chunks.next();
        next.done !== true;
        next = await chunks.next()
      ) {
        yield next.value;
      }
    })(),
  };
};

/**
 * @param take reads all bytes; what it makes of them counts only if the node ended well
 * @throws UserError TOOL_MISSING, and whatever `take` throws
 */
export const streamSnapshot = async <Result>(
  node: string,
  { sshConfig, signal }: OverSsh,
  take: (stream: SnapshotStream) => Promise<Result>,
): Promise<StreamAnswer<Result>> => {
  const script = await wholeNodeScript("backup");
  const child = startProgram(
    "ssh",
    ["-F", sshConfig, ...OPTIONS, node, "sudo", "-n", "bash", "-s"],
    { env: toolEnvironment(), stdio: ["pipe", "pipe", "pipe"], signal },
  );
  const stderr: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  // A node that ends without reading all of it is judged by its status.
  child.stdin.on("error", () => undefined);
  child.stdin.end(script);
  const ended = once(child, "close") as Promise<[number | null]>;
  try {
    const stream = await splitHead(
      child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>,
    );
    const result = stream === undefined ? undefined : await take(stream);
    const [status] = await ended;
    const said = Buffer.concat(stderr).toString("utf8");
    if (status === 0 && result !== undefined) {
      return { ok: true, result };
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
    await ended.catch(() => undefined);
    throw systemCode(error) === "ENOENT"
      ? toolMissing("ssh", "openssh-client")
      : error;
  }
};
