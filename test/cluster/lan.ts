// A local network that does not leave the machine: a namespace of its own, in which pi-image and a cluster's stand-in meet.
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { inject, onTestFinished } from "vitest";
import { commandLine } from "../../src/system/run/run-tool.ts";
import { type CliResult, resultOf } from "../support/run-cli.ts";
import type { StandInNode } from "./api-stand-in.ts";

/** What the network holds from now on. */
export type Scene = {
  /** Undefined: nothing listens. */
  readonly api?: "own" | "foreign" | undefined;
  readonly nodes?: readonly StandInNode[];
  /** mDNS name -> address. */
  readonly names?: Readonly<Record<string, string>>;
  /** Addresses with an open port 22; they stay open. */
  readonly ssh?: readonly string[];
};

/** 192.168.77.1 is the laptop, .50 the control plane, .51 worker1; nobody has .52. */
const SET_UP = `
  set -e
  ip link set lo up
  ip link add lan type dummy 2>/dev/null || ip link add lan type veth peer name far
  ip link set lan up
  ip link set far up 2>/dev/null || true
  for last in 1 50 51; do ip addr add 192.168.77.$last/24 dev lan; done
  ip route add 224.0.0.0/4 dev lan
  echo ready
  exec sleep 3600
`;

/** Answers for a node from the folder's status/NODE.json, or fails as ssh does with what status/NODE.error says. */
const FAKE_SSH = `#!/bin/bash
node=\${*: -3:1}
status=\${0%/*}/../status/$node
if [[ -e $status.json ]]; then cat "$status.json"; exit 0; fi
if [[ -e $status.error ]]; then cat "$status.error" >&2; exit 255; fi
exit 1
`;

const killAfterTest = (child: ChildProcess): void => {
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
};

const nextLine = async (lines: Interface, wanted: string): Promise<void> => {
  for await (const line of lines) {
    if (line === wanted) {
      return;
    }
    throw new Error(`expected ${wanted}, got ${line}`);
  }
  throw new Error(`ended before it said ${wanted}`);
};

export type RunningCli = {
  readonly child: ChildProcess;
  readonly result: Promise<CliResult>;
};

export type Lan = {
  readonly play: (scene: Scene) => Promise<void>;
  /** What the node answers to ssh: its status file, or ssh's last words. */
  readonly answerSsh: (node: string, answer: object | string) => void;
  readonly start: (
    args: readonly string[],
    options?: { readonly terminal?: boolean; readonly env?: object },
  ) => RunningCli;
};

/** `folder` holds the inventory; it becomes HOME, too. */
export const startLan = async (
  folder: string,
  secretsFile: string,
  foreignSecretsFile = "",
): Promise<Lan> => {
  const holder = spawn("unshare", ["--net", "sh", "-c", SET_UP], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  killAfterTest(holder);
  await nextLine(createInterface({ input: holder.stdout }), "ready");
  const inside = ["-t", String(holder.pid), "-n"];

  const network = spawn(
    "nsenter",
    [
      ...inside,
      process.execPath,
      join(inject("programs"), "network-program.js"),
      secretsFile,
      foreignSecretsFile,
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  killAfterTest(network);
  // One reader for the whole test: leaving a loop over the lines would close them.
  const heard = createInterface({ input: network.stdout })[
    Symbol.asyncIterator
  ]();

  mkdirSync(join(folder, "bin"));
  mkdirSync(join(folder, "status"));
  writeFileSync(join(folder, "bin/ssh"), FAKE_SSH);
  chmodSync(join(folder, "bin/ssh"), 0o755);

  return {
    play: async (scene) => {
      network.stdin.write(`${JSON.stringify(scene)}\n`);
      if ((await heard.next()).done === true) {
        throw new Error("the network has ended");
      }
    },
    answerSsh: (node, answer) => {
      if (typeof answer === "string") {
        writeFileSync(join(folder, `status/${node}.error`), answer);
      } else {
        writeFileSync(
          join(folder, `status/${node}.json`),
          JSON.stringify(answer),
        );
      }
    },
    start: (args, { terminal = false, env = {} } = {}) => {
      const command = [process.execPath, inject("cli"), ...args];
      const [program = "", ...rest] = command;
      const child = spawn(
        "nsenter",
        [
          ...inside,
          ...(terminal
            ? [
                "script",
                "-qec",
                `stty cols 100 rows 30; ${commandLine(program, rest)}`,
                "/dev/null",
              ]
            : command),
        ],
        {
          cwd: folder,
          stdio: ["ignore", "pipe", "pipe"],
          env: {
            PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`,
            HOME: folder,
            ...env,
          },
        },
      );
      killAfterTest(child);
      return { child, result: resultOf(child) };
    },
  };
};

/** The status file that a node unit writes. */
export const nodeStatus = (
  node: string,
  phase: string,
  state: string,
  message: string,
  cluster = "homelab",
): object => ({
  schemaVersion: 1,
  node,
  role: "worker",
  cluster,
  phase,
  state,
  message,
  attempt: 3,
  since: "2026-11-20T08:00:00Z",
  kubernetes: "v1.36.2",
  joinEnds: "2026-12-20T08:00:00Z",
});
