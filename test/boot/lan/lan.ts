// A network of the test's own: a bridge with an address in a network namespace, seen by nobody else.
import {
  runTool,
  tryTool,
  type ToolResult,
} from "../../../src/system/run/run-tool.ts";
import type { Cleanup } from "../support/cleanup.ts";

/** The router, name server and time server of the tests' inventories. */
export const ROUTER = "10.77.0.1";

export type Port = {
  /** Name of the namespace. */
  readonly name: string;
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
  readonly addPort: (mac?: string) => Promise<Port>;
  /** One more interface for a port, plugged into this bridge. */
  readonly plug: (port: Port, name: string, mac?: string) => Promise<void>;
};

let lans = 0;
let ports = 0;
let cables = 0;

/** A switch in a namespace; nobody there has an address. */
export const makeSwitch = async (cleanup: Cleanup): Promise<Lan> => {
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
  await inside("link", "set", "br0", "up");
  const plug = async (port: Port, name: string, mac?: string) => {
    cables += 1;
    const end = `port${cables}`;
    const pair = `${end} netns ${namespace} type veth peer name ${name} netns ${port.name}`;
    await ip(
      ...`link add ${pair}`.split(" "),
      ...(mac === undefined ? [] : ["address", mac]),
    );
    await inside("link", "set", end, "master", "br0", "up");
  };
  return {
    namespace,
    run: (...command) =>
      tryTool("ip", ["netns", "exec", namespace, ...command]),
    addTap: async (name) => {
      await inside("tuntap", "add", "dev", name, "mode", "tap");
      await inside("link", "set", name, "master", "br0", "up");
      return name;
    },
    addPort: async (mac) => {
      ports += 1;
      const name = `${namespace}-${ports}`;
      await ip("netns", "add", name);
      const remove = async () => {
        await tryTool("ip", ["netns", "del", name]);
      };
      cleanup.defer(remove);
      await ip("-n", name, "link", "set", "lo", "up");
      const port = { name, path: `/run/netns/${name}`, remove };
      await plug(port, "eth0", mac);
      return port;
    },
    plug,
  };
};

/** The same with a router's address. */
export const makeLan = async (cleanup: Cleanup): Promise<Lan> => {
  const lan = await makeSwitch(cleanup);
  await runTool("ip", [
    "-n",
    lan.namespace,
    "addr",
    "add",
    `${ROUTER}/24`,
    "dev",
    "br0",
  ]);
  return lan;
};
