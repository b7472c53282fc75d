// A gateway between two networks in containers, with the real dnsmasq and nftables, and a cluster that assembles behind it.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it, onTestFailed } from "vitest";
import { describeAsRoot } from "../../support/tools.ts";
import { tryPort } from "../lan/connect.ts";
import { ROUTER, type Lan } from "../lan/lan.ts";
import { CONTROL_PLANE, WORKER } from "../support/inventory.ts";
import { USER } from "../support/project.ts";
import { until } from "../support/until.ts";
import type { Container } from "./container.ts";
import { openDesk, type Desk } from "./desk.ts";
import {
  cloudInitErrors,
  standInCalls,
  untilDone,
  type NspawnNode,
} from "./node.ts";
import { ALLOWED, filesWithSecrets } from "./scrubbed.ts";

const GATEWAY = "gate";
const OUTSIDE = "10.77.0.20";
const INSIDE = "10.0.0.1";
const USB_ADAPTER = "enx00e04c680001";
const MAC = "d8:3a:dd:12:34:56";
/** The same at every boot, as on a board: the nodes behind remember them. */
const GATEWAY_MACS = ["d8:3a:dd:12:34:01", "00:e0:4c:68:00:01"] as const;

/** What the gateway keeps for the nodes: the lowest addresses, in their order. */
const BEHIND = { [CONTROL_PLANE]: "10.0.0.2", [WORKER]: "10.0.0.3" } as const;

const INVENTORY = `cluster:
  name: desk
  kubernetes: "1.36"
  endpoint: ${CONTROL_PLANE}
defaults:
  board: pi5
  users:
    - name: ${USER}
      sshKeys: ["\${key}"]
nodes:
  - name: ${GATEWAY}
    role: gateway
    address: ${OUTSIDE}/24
    gateway: ${ROUTER}
    nameservers: [${ROUTER}]
    serves:
      interface: ${USB_ADAPTER}
      address: ${INSIDE}/24
      forwards:
        - { port: 6443, to: ${CONTROL_PLANE} }
  - name: ${CONTROL_PLANE}
    role: control-plane
    mac: "${MAC}"
  - name: ${WORKER}
    role: worker
`;

describeAsRoot(
  ["systemd-nspawn", "mmdebstrap", "mcopy", "ip", "sfdisk", "dnsmasq"],
  "a gateway in containers",
  () => {
    const nodes = new Map<string, NspawnNode>();
    const containers = new Map<string, Container>();
    let desk: Desk;
    let inside: Lan;

    const nodeOf = (name: string): NspawnNode => {
      const found = nodes.get(name);
      if (found === undefined) {
        throw new Error(`${name} was not made`);
      }
      return found;
    };
    const container = (name: string): Container => {
      const found = containers.get(name);
      if (found === undefined) {
        throw new Error(`${name} was not started`);
      }
      return found;
    };
    const output = async (name: string, ...command: readonly string[]) =>
      (await container(name).run(...command)).stdout.trim();
    const start = async (name: string) => {
      containers.set(name, await desk.boot(nodeOf(name)));
    };

    beforeAll(async () => {
      desk = await openDesk("gateway", INVENTORY);
      return () => desk.close();
    });

    beforeAll(async () => {
      desk.startRouter({ names: { "away.test": ROUTER } });
      inside = await desk.addSwitch();
      nodes.set(
        GATEWAY,
        await desk.node(GATEWAY, async () => {
          const [onBoard, usb] = GATEWAY_MACS;
          const port = await desk.lan.addPort(onBoard);
          await inside.plug(port, USB_ADAPTER, usb);
          return port;
        }),
      );
      nodes.set(
        CONTROL_PLANE,
        await desk.node(CONTROL_PLANE, () => inside.addPort(MAC)),
      );
      nodes.set(WORKER, await desk.node(WORKER, () => inside.addPort()));
      // The gateway last: power may come in any order.
      for (const name of [...nodes.keys()].toReversed()) {
        await start(name);
      }
    });

    const test = (title: string, body: () => Promise<void>) =>
      it(title, async () => {
        onTestFailed(() => desk.fail());
        await body();
      });

    const expectEnd = async (name: string) => {
      const node = nodeOf(name);
      expect(await cloudInitErrors(node, container(name))).toEqual([]);
      await untilDone(node, container(name));
      expect(
        standInCalls(node).filter((line) => line.startsWith("REFUSED")),
      ).toEqual([]);
      expect(
        await output(name, "systemctl", "--failed", "--no-legend", "--plain"),
      ).toBe("");
    };

    test("its phases end without Kubernetes, dnsmasq is installed, and no secret stays", async () => {
      await expectEnd(GATEWAY);
      const node = nodeOf(GATEWAY);
      expect(
        readdirSync(join(node.root, "var/lib/pi-image/stamps")).toSorted(),
      ).toEqual(["10-clock", "20-network", "30-gateway", "55-scrub"]);
      expect(
        standInCalls(node).filter((call) => / install .*dnsmasq$/.test(call)),
      ).toHaveLength(1);
      expect(await output(GATEWAY, "sysctl", "-n", "net.ipv4.ip_forward")).toBe(
        "1",
      );
      expect(await filesWithSecrets(node, desk.secrets())).toEqual(
        ALLOWED.worker,
      );
    });

    test("a cluster assembles behind it, at the addresses that it keeps: one by MAC address, one by name", async () => {
      for (const name of [CONTROL_PLANE, WORKER] as const) {
        await expectEnd(name);
        expect(
          await output(name, "ip", "-4", "-br", "addr", "show", "eth0"),
        ).toContain(`${BEHIND[name]}/24`);
      }
    });

    test("nodes behind it find each other and names outside, and get out", async () => {
      for (const [name, address] of [
        [CONTROL_PLANE, BEHIND[CONTROL_PLANE]],
        [`${WORKER}.desk.home.arpa`, BEHIND[WORKER]],
        [GATEWAY, INSIDE],
        ["far.away.test", ROUTER],
      ] as const) {
        expect(await output(WORKER, "getent", "ahostsv4", name)).toContain(
          address,
        );
      }
      // The router has no way back to them but the gateway's own address.
      expect(
        await output(WORKER, "ping", "-c", "1", "-W", "5", ROUTER),
      ).toContain(" 0% packet loss");
    });

    test("from outside only SSH and the declared port are open", async () => {
      await desk.lan.run(..."ip route add 10.0.0.0/24 via".split(" "), OUTSIDE);
      const fromOutside = (host: string, port: number) =>
        tryPort(desk.lan, host, port);
      expect(await fromOutside(OUTSIDE, 22)).toBe("open");
      expect(await fromOutside(OUTSIDE, 6443)).toBe("open");
      expect(await fromOutside(OUTSIDE, 53)).toBe("silent");
      expect(await fromOutside(BEHIND[CONTROL_PLANE], 22)).toBe("silent");
      expect(await fromOutside(BEHIND[CONTROL_PLANE], 6443)).toBe("silent");
    });

    test("after a power cut it serves again", async () => {
      await container(GATEWAY).powerCut();
      await start(GATEWAY);
      expect(
        await cloudInitErrors(nodeOf(GATEWAY), container(GATEWAY)),
      ).toEqual([]);
      // The node keeps what it has asked already in a cache.
      for (const [what, ...command] of [
        ["the way out", "ping", "-c", "1", "-W", "2", ROUTER],
        ["a name outside", "getent", "ahostsv4", "further.away.test"],
      ] as const) {
        await until(
          what,
          async () =>
            (await container(CONTROL_PLANE).run(...command)).status === 0
              ? true
              : undefined,
          {
            seconds: 60,
            every: 500,
            where: () =>
              output(GATEWAY, "systemctl", "--failed", "--no-legend"),
          },
        );
      }
      expect(await tryPort(desk.lan, OUTSIDE, 53)).toBe("silent");
      expect(
        await output(
          GATEWAY,
          "systemctl",
          "--failed",
          "--no-legend",
          "--plain",
        ),
      ).toBe("");
    });
  },
);
