// A gateway between two network namespaces and two nodes, with the very files that its card carries.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

type Answer = { readonly status: number | null; readonly output: string };

const OUTSIDE = { gateway: "192.168.77.1", laptop: "192.168.77.2" };

/** Sets an interface up as a DHCP server says; `$ip`, `$mask` and the others are busybox' names. */
const LEASE_SCRIPT = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
ip route add default via "$router"
echo "lease $ip $router $dns $domain"
`;

/** Prints what a TCP server says. */
const ASK = `
const socket = require("net").connect(Number(process.argv[2]), process.argv[1]);
socket.setTimeout(800, () => { console.log("silent"); process.exit(1); });
socket.on("error", (error) => { console.log(error.code); process.exit(1); });
socket.on("data", (data) => { console.log(data.toString()); process.exit(0); });
`;

/** Says who asks. */
const SERVE = `
require("net").createServer((socket) => socket.end("asked by " + socket.remoteAddress.replace("::ffff:", "")))
  .listen(Number(process.argv[1]), "0.0.0.0", () => console.log("ready"));
`;

const RESOLVE = `
const resolver = new (require("dns").promises.Resolver)({ timeout: 2000, tries: 1 });
resolver.setServers([process.argv[1]]);
resolver.resolve4(process.argv[2]).then((found) => console.log(found.join(" ")), (error) => console.log(error.code));
`;

export type Lan = {
  readonly laptop: string;
  readonly gateway: string;
  /** Runs a program in the namespace of a machine. */
  readonly run: (machine: string, ...command: readonly string[]) => Answer;
  readonly ask: (machine: string, address: string, port: number) => string;
  readonly resolve: (machine: string, name: string) => string;
  readonly serve: (machine: string, port: number) => Promise<void>;
  /** Starts a program that says something when it is ready, and ends with the network. */
  readonly start: (
    machine: string,
    ...command: readonly string[]
  ) => Promise<void>;
  readonly lease: (machine: string, hostname: string) => string;
  readonly close: () => void;
};

const check = (tool: string, ...args: readonly string[]): Answer => {
  const { status, stdout, stderr, error } = spawnSync(tool, args, {
    encoding: "utf8",
  });
  if (error !== undefined) {
    throw error;
  }
  return { status, output: `${stdout}${stderr}`.trim() };
};

/** Until the program has said its first word. */
const started = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    const fail = () => reject(new Error("the program ended at once"));
    child.once("exit", fail);
    const begin = () => {
      child.off("exit", fail);
      resolve();
    };
    child.stdout?.once("data", begin);
    child.stderr?.once("data", begin);
  });

/** @param nodes the machines behind the gateway, each with its MAC address or undefined for one by chance */
export const openLan = async (files: {
  readonly nftables: string;
  readonly dnsmasq: string;
  readonly nodes: Readonly<Record<string, string | undefined>>;
}): Promise<Lan> => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-gateway-"));
  const prefix = `pig${process.pid}`;
  const children: ChildProcess[] = [];
  const machines = ["laptop", "gate", "switch", ...Object.keys(files.nodes)];
  const space = (machine: string) => `${prefix}-${machine}`;
  // `ip netns exec` lays its files over those of /etc.
  const gatewayEtc = join("/etc/netns", space("gate"));
  const run = (machine: string, ...command: readonly string[]) =>
    check("ip", "netns", "exec", space(machine), ...command);
  const must = (answer: Answer): string => {
    if (answer.status !== 0) {
      throw new Error(answer.output);
    }
    return answer.output;
  };
  const close = () => {
    for (const child of children) {
      child.kill("SIGKILL");
    }
    for (const machine of machines) {
      check("ip", "netns", "del", space(machine));
    }
    rmSync(gatewayEtc, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  };
  const start = async (machine: string, ...command: readonly string[]) => {
    const child = spawn("ip", ["netns", "exec", space(machine), ...command], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.push(child);
    await started(child);
  };
  /** A cable between two machines. */
  const cable = (
    [one, port]: readonly [string, string],
    [other, otherPort]: readonly [string, string],
  ) => {
    must(
      run(
        one,
        "ip",
        "link",
        "add",
        port,
        "type",
        "veth",
        "peer",
        "name",
        otherPort,
        "netns",
        space(other),
      ),
    );
    must(run(one, "ip", "link", "set", port, "up"));
    must(run(other, "ip", "link", "set", otherPort, "up"));
  };

  try {
    for (const machine of machines) {
      must(check("ip", "netns", "add", space(machine)));
      must(run(machine, "ip", "link", "set", "lo", "up"));
    }
    cable(["laptop", "eth0"], ["gate", "wlan0"]);
    must(
      run("laptop", "ip", "addr", "add", `${OUTSIDE.laptop}/24`, "dev", "eth0"),
    );
    must(
      run("gate", "ip", "addr", "add", `${OUTSIDE.gateway}/24`, "dev", "wlan0"),
    );
    must(run("switch", "ip", "link", "add", "bridge", "type", "bridge"));
    must(run("switch", "ip", "link", "set", "bridge", "up"));
    cable(["gate", "eth0"], ["switch", "gate"]);
    must(run("switch", "ip", "link", "set", "gate", "master", "bridge"));
    must(run("gate", "ip", "addr", "add", "10.0.0.1/24", "dev", "eth0"));
    for (const [name, mac] of Object.entries(files.nodes)) {
      cable([name, "eth0"], ["switch", name]);
      must(run("switch", "ip", "link", "set", name, "master", "bridge"));
      if (mac !== undefined) {
        must(run(name, "ip", "link", "set", "eth0", "address", mac));
      }
    }
    const filter = join(folder, "nftables.conf");
    writeFileSync(filter, files.nftables);
    must(run("gate", "nft", "--file", filter));
    // Once more, as a restart of the service does.
    must(run("gate", "nft", "--file", filter));
    must(run("gate", "sysctl", "-qw", "net.ipv4.ip_forward=1"));
    mkdirSync(gatewayEtc, { recursive: true });
    writeFileSync(
      join(gatewayEtc, "resolv.conf"),
      `nameserver ${OUTSIDE.laptop}\n`,
    );
    await start(
      "laptop",
      "dnsmasq",
      "--keep-in-foreground",
      "--log-facility=-",
      "--conf-file=/dev/null",
      "--pid-file",
      "--no-resolv",
      "--no-hosts",
      "--user=root",
      "--address=/far.away.test/203.0.113.7",
    );
    const names = join(folder, "dnsmasq.conf");
    writeFileSync(names, files.dnsmasq);
    await start(
      "gate",
      "dnsmasq",
      "--keep-in-foreground",
      "--log-facility=-",
      `--conf-file=${names}`,
      `--dhcp-leasefile=${join(folder, "leases")}`,
      "--pid-file",
      // As Debian's package does where there is a resolvconf: systemd-resolved brings one that does not write the file.
      `--resolv-file=${join(folder, "not-written")}`,
      "--user=root",
    );
  } catch (error) {
    close();
    throw error;
  }
  const script = join(folder, "lease");
  writeFileSync(script, LEASE_SCRIPT, { mode: 0o755 });
  return {
    ...OUTSIDE,
    run,
    start,
    close,
    ask: (machine, address, port) =>
      run(machine, process.execPath, "-e", ASK, address, String(port)).output,
    resolve: (machine, name) =>
      run(machine, process.execPath, "-e", RESOLVE, "10.0.0.1", name).output,
    serve: (machine, port) =>
      start(machine, process.execPath, "-e", SERVE, String(port)),
    lease: (machine, hostname) =>
      /^lease (.*)$/m.exec(
        run(
          machine,
          "udhcpc",
          "-i",
          "eth0",
          "-x",
          `hostname:${hostname}`,
          "-s",
          script,
          "-n",
          "-q",
          "-f",
        ).output,
      )?.[1] ?? "none",
  };
};
