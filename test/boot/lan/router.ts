// What a home's router does for its network: DHCP, names and the time.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { toolEnvironment } from "../../../src/system/run/run-tool.ts";
import type { Cleanup } from "../support/cleanup.ts";
import { ROUTER, type Lan } from "./lan.ts";

export type RouterSettings = {
  /** DNS name to address; all others are unknown, those of the nodes included. */
  readonly names?: Readonly<Record<string, string>>;
  /** MAC address to the address that DHCP gives. */
  readonly leases?: Readonly<Record<string, string>>;
  /** A file that says by how many seconds the time it gives is ahead of this machine's. */
  readonly ahead?: string;
};

export const startRouter = (
  lan: Lan,
  { names = {}, leases = {}, ahead }: RouterSettings,
  cleanup: Cleanup,
): void => {
  const start = (...command: readonly string[]) => {
    const child = spawn("ip", ["netns", "exec", lan.namespace, ...command], {
      env: toolEnvironment(),
      stdio: "ignore",
    });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    cleanup.defer(() => {
      child.kill("SIGKILL");
      return ended;
    });
  };
  // Each distribution has its own pool: both mean the router here.
  const times = ["ntp.org", "ntp.ubuntu.com"];
  start(
    "dnsmasq",
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--no-resolv",
    "--no-hosts",
    "--user=root",
    "--interface=br0",
    "--bind-interfaces",
    "--pid-file=",
    "--dhcp-leasefile=/dev/null",
    "--leasefile-ro",
    "--dhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,1h",
    // A node's own name must not get into DNS: mDNS has to find it.
    "--dhcp-ignore-names",
    ...Object.entries(leases).map(([mac, to]) => `--dhcp-host=${mac},${to}`),
    ...times.map((name) => `--address=/${name}/${ROUTER}`),
    ...Object.entries(names).map(([name, to]) => `--address=/${name}/${to}`),
  );
  start(
    process.execPath,
    "--import",
    "tsx",
    join(import.meta.dirname, "time-server.ts"),
    ...(ahead === undefined ? [] : [ahead]),
  );
};
