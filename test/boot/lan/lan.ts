// A network of the test's own: a bridge with an address in a network namespace, seen by nobody else.
import {
  runTool,
  tryTool,
  type ToolResult,
} from "../../../src/system/run-tool.ts";
import type { Cleanup } from "../support/cleanup.ts";

/** The router, name server and time server of the tests' inventories. */
export const ROUTER = "10.77.0.1";

export type Port = {
  /** Path of the namespace. */
  readonly path: string;
  /** Pulls the cable: an interface would keep its address, and answer for it, without a machine. */
  readonly remove: () => Promise<void>;
};

export type Lan = {
  /** Name of the namespace that holds the bridge. */
  readonly namespace: string;
  /** Runs a command on the router. */
  readonly run: (...command: readonly string[]) => Promise<ToolResult>;
  /** A tap device for a virtual machine; returns its name. */
  readonly addTap: (name: string) => Promise<string>;
  /** A namespace for one boot of a container, whose eth0 is plugged into the bridge. */
  readonly addPort: () => Promise<Port>;
};

let lans = 0;
let ports = 0;

export const makeLan = async (cleanup: Cleanup): Promise<Lan> => {
  lans += 1;
  const namespace = `pi-boot-${process.pid}-${lans}`;
  const ip = (...words: readonly string[]) =>
    runTool("ip", words, { package: "iproute2" });
  const addNamespace = async (name: string) => {
    await ip("netns", "add", name);
    cleanup.defer(() => ip("netns", "del", name));
    await ip("-n", name, "link", "set", "lo", "up");
  };
  await addNamespace(namespace);
  const inside = (...words: readonly string[]) => ip("-n", namespace, ...words);
  // Without a querier a snooping bridge may swallow mDNS.
  await inside(
    ..."link add br0 type bridge mcast_snooping 0 forward_delay 0".split(" "),
  );
  await inside("addr", "add", `${ROUTER}/24`, "dev", "br0");
  await inside("link", "set", "br0", "up");
  return {
    namespace,
    run: (...command) =>
      tryTool("ip", ["netns", "exec", namespace, ...command]),
    addTap: async (name) => {
      await inside("tuntap", "add", "dev", name, "mode", "tap");
      await inside("link", "set", name, "master", "br0", "up");
      return name;
    },
    addPort: async () => {
      ports += 1;
      const port = `${namespace}-${ports}`;
      await ip("netns", "add", port);
      const remove = async () => {
        await tryTool("ip", ["netns", "del", port]);
      };
      cleanup.defer(remove);
      await ip("-n", port, "link", "set", "lo", "up");
      await ip(
        "link",
        "add",
        `port${ports}`,
        "netns",
        namespace,
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        port,
      );
      await inside("link", "set", `port${ports}`, "master", "br0", "up");
      return { path: `/run/netns/${port}`, remove };
    },
  };
};
