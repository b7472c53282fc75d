// Machines that are network namespaces on one switch, with a router that says nothing about networks that nobody here has.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { openSync } from "node:fs";
import { onTestFinished } from "vitest";

/** @returns what it printed */
export const must = (command: string, ...words: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, words, {
    encoding: "utf8",
  });
  if (status !== 0) {
    throw new Error(`${command} ${words.join(" ")}: ${stderr}`);
  }
  return stdout;
};

export type SwitchedMachines = {
  readonly run: (
    machine: string,
    words: readonly string[],
    input: string,
    env: Readonly<Record<string, string>>,
  ) => {
    readonly status: number | null;
    readonly stdout: string;
    readonly stderr: string;
  };
  /** One program a machine, until its power goes. */
  readonly start: (
    machine: string,
    words: readonly string[],
    log: string,
  ) => void;
  /** Without any farewell, as when the power goes. */
  readonly cut: (...machines: readonly string[]) => Promise<void>;
  /** An address in place of the one that the machine has. */
  readonly give: (machine: string, address: string) => void;
  /** These become those of a machine behind the router that takes connections and says nothing. */
  readonly strangersTake: (addresses: readonly string[]) => Promise<void>;
};

const ROUTER = "switch";

/** All ends with the test. */
export const switchedMachines = (
  machines: readonly string[],
): SwitchedMachines => {
  const space = (machine: string) => `pi-etcd-${process.pid}-${machine}`;
  const into = (machine: string) => ["netns", "exec", space(machine)];
  const running = new Map<string, ChildProcess>();
  const set = (machine: string, words: string) =>
    must("ip", "-n", space(machine), ...words.split(" "));
  const cut: SwitchedMachines["cut"] = async (...which) => {
    await Promise.all(
      which.map(async (machine) => {
        const child = running.get(machine);
        running.delete(machine);
        if (child !== undefined && child.exitCode === null) {
          const ended = new Promise((resolve) => child.once("close", resolve));
          child.kill("SIGKILL");
          await ended;
        }
      }),
    );
  };
  onTestFinished(async () => {
    await cut(...running.keys());
    for (const machine of [ROUTER, ...machines]) {
      spawnSync("ip", ["netns", "del", space(machine)]);
    }
  });
  must("ip", "netns", "add", space(ROUTER));
  set(ROUTER, "link add bridge type bridge");
  set(ROUTER, "link set bridge up");
  set(ROUTER, "link set lo up");
  for (const machine of machines) {
    must("ip", "netns", "add", space(machine));
    set(machine, "link set lo up");
    set(
      ROUTER,
      `link add ${machine} type veth peer name eth0 netns ${space(machine)}`,
    );
    set(ROUTER, `link set ${machine} master bridge up`);
    set(machine, "link set eth0 up");
  }
  return {
    run: (machine, words, input, env) =>
      spawnSync("ip", [...into(machine), ...words], {
        input,
        encoding: "utf8",
        env: { ...process.env, ...env },
      }),
    start: (machine, words, log) => {
      running.set(
        machine,
        spawn("ip", [...into(machine), ...words], {
          stdio: ["ignore", "ignore", openSync(log, "a")],
        }),
      );
    },
    cut,
    give: (machine, address) => {
      const router = address.replace(/\d+$/, "1");
      set(ROUTER, `addr replace ${router}/24 dev bridge`);
      set(machine, "addr flush dev eth0 scope global");
      set(machine, `addr add ${address}/24 dev eth0`);
      set(machine, `route replace default via ${router}`);
    },
    strangersTake: async (addresses) => {
      for (const address of addresses) {
        set(ROUTER, `addr add ${address}/32 dev bridge`);
      }
      const child = spawn("ip", [
        ...into(ROUTER),
        process.execPath,
        "-e",
        "require('net').createServer(() => {}).listen(2380, () => console.log('up'))",
      ]);
      running.set(ROUTER, child);
      await new Promise((resolve) => child.stdout.once("data", resolve));
      for (const machine of machines) {
        for (const address of addresses) {
          must(
            "ip",
            ...into(machine),
            "bash",
            "-c",
            `: </dev/tcp/${address}/2380`,
          );
        }
      }
    },
  };
};
