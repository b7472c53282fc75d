// Both roles boot in containers from the seed of their images: cloud-init, the node's phases, the join, the second boot.
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it, onTestFailed } from "vitest";
import { describeAsRoot } from "../../support/tools.ts";
import {
  ADDRESSES,
  CONTROL_PLANE,
  twoNodes,
  WORKER,
} from "../support/inventory.ts";
import { USER } from "../support/project.ts";
import { PHASES } from "../support/status.ts";
import type { Container } from "./container.ts";
import { openDesk, type Desk } from "./desk.ts";
import {
  cloudInitErrors,
  standInCalls,
  untilDone,
  type NspawnNode,
} from "./node.ts";
import { ALLOWED, filesWithSecrets } from "./scrubbed.ts";

const EARLIER_ID = "0123456789abcdef0123456789abcdef";

type Running = { readonly node: NspawnNode; container: Container };

describeAsRoot(
  ["systemd-nspawn", "mmdebstrap", "mcopy", "ip", "sfdisk"],
  "first boot in containers",
  () => {
    const running = new Map<string, Running>();
    let desk: Desk;

    const on = (name: string): Running => {
      const found = running.get(name);
      if (found === undefined) {
        throw new Error(`${name} was not started`);
      }
      return found;
    };
    const output = async (name: string, ...command: readonly string[]) =>
      (await on(name).container.run(...command)).stdout.trim();

    beforeAll(async () => {
      desk = await openDesk("first-boot", twoNodes());
      return () => desk.close();
    });

    beforeAll(async () => {
      // The worker first: power may come in any order.
      for (const name of [WORKER, CONTROL_PLANE]) {
        const node = await desk.node(name);
        if (name === WORKER) {
          // As if its base had been made of a machine that had run.
          mkdirSync(
            join(node.root, "var/lib/cloud/instances/an-earlier-life"),
            {
              recursive: true,
            },
          );
          writeFileSync(join(node.root, "etc/machine-id"), `${EARLIER_ID}\n`);
        }
        running.set(name, { node, container: await desk.boot(node) });
      }
    });

    const test = (title: string, body: () => Promise<void>) =>
      it(title, async () => {
        onTestFailed(() => desk.fail());
        await body();
      });

    test("cloud-init ends without errors and the phases end in order", async () => {
      for (const { node, container } of running.values()) {
        expect(await cloudInitErrors(node, container)).toEqual([]);
      }
      for (const { node, container } of running.values()) {
        await untilDone(node, container);
        const stamps = join(node.root, "var/lib/pi-image/stamps");
        const inOrder = readdirSync(stamps).toSorted(
          (one, other) =>
            statSync(join(stamps, one)).mtimeMs -
            statSync(join(stamps, other)).mtimeMs,
        );
        expect(inOrder).toEqual([...PHASES]);
      }
    });

    test("the stand-ins accepted every call but those of a worker that waits", async () => {
      for (const { node } of running.values()) {
        expect(
          standInCalls(node).filter((line) => line.startsWith("REFUSED")),
        ).toEqual([]);
      }
      expect(
        standInCalls(on(CONTROL_PLANE).node).filter((line) =>
          line.startsWith("kubeadm init --config"),
        ),
      ).toHaveLength(1);
    });

    test("name, user, key, address and sysctls are the inventory's", async () => {
      const publicKey = readFileSync(`${desk.project.key}.pub`, "utf8").trim();
      for (const name of [CONTROL_PLANE, WORKER] as const) {
        expect(await output(name, "hostname")).toBe(name);
        expect(
          await output(name, "cat", `/home/${USER}/.ssh/authorized_keys`),
        ).toContain(publicKey);
        expect(await output(name, "id", "-un", "1000")).toBe(USER);
        expect(
          await output(name, "ip", "-4", "-br", "addr", "show", "eth0"),
        ).toContain(`${ADDRESSES[name]}/24`);
        expect(await output(name, "sysctl", "-n", "net.ipv4.ip_forward")).toBe(
          "1",
        );
        expect(await output(name, "getent", "passwd", "ubuntu")).toBe("");
        const sshd = (await output(name, "sshd", "-T")).split("\n");
        for (const line of [
          "passwordauthentication no",
          "kbdinteractiveauthentication no",
          "permitrootlogin no",
        ]) {
          expect(sshd).toContain(line);
        }
      }
      expect(await output(WORKER, "getent", "hosts", CONTROL_PLANE)).toContain(
        ADDRESSES[CONTROL_PLANE],
      );
    });

    test("a node made of a machine that had run has an id of its own", () => {
      const ids = [...running.values()].map(({ node }) =>
        readFileSync(join(node.root, "etc/machine-id"), "utf8"),
      );
      for (const id of ids) {
        expect(id).toMatch(/^[0-9a-f]{32}\n$/);
      }
      expect(new Set([...ids, `${EARLIER_ID}\n`]).size).toBe(3);
      return Promise.resolve();
    });

    test("containerd answers on its socket with the seed's configuration", async () => {
      for (const name of running.keys()) {
        expect(await output(name, "ctr", "version")).toContain("Server:");
        expect(await output(name, "containerd", "config", "dump")).toContain(
          "SystemdCgroup = true",
        );
      }
    });

    test("no unit has failed and upgrades are on again", async () => {
      for (const name of running.keys()) {
        expect(
          await output(name, "systemctl", "--failed", "--no-legend", "--plain"),
        ).toBe("");
        expect(
          await output(name, "systemctl", "is-active", "apt-daily.timer"),
        ).toBe("active");
      }
    });

    test("the kubeconfig of the build lets its owner see both nodes", async () => {
      const { node, container } = on(WORKER);
      await copyFile(
        desk.project.kubeconfig,
        join(node.root, "root/kubeconfig"),
      );
      const seen = await container.run(
        "kubectl",
        "--kubeconfig",
        "/root/kubeconfig",
        "get",
        "--raw",
        "/nodes",
      );
      await rm(join(node.root, "root/kubeconfig"));
      expect(seen.stdout.trim().split(" ")).toEqual([CONTROL_PLANE, WORKER]);
    });

    test("scrub leaves the secrets only where the node needs them", async () => {
      expect(desk.secrets().length).toBeGreaterThan(10);
      for (const { node } of running.values()) {
        expect(await filesWithSecrets(node, desk.secrets())).toEqual(
          ALLOWED[node.name === CONTROL_PLANE ? "control-plane" : "worker"],
        );
      }
    });

    test("a second boot does nothing again and is not a new instance", async () => {
      for (const [name, entry] of running) {
        const { node } = entry;
        const keep = [
          "/etc/ssh/ssh_host_ed25519_key",
          "/etc/netplan/50-cloud-init.yaml",
          "/etc/machine-id",
          "/var/lib/pi-image/status.json",
          "/var/lib/cloud/data/instance-id",
        ];
        const contents = () =>
          keep.map((path) => readFileSync(join(node.root, path), "utf8"));
        const calls = () =>
          standInCalls(node).filter((line) => /^(apt|kubeadm)/.test(line));
        const before = { contents: contents(), calls: calls() };
        await entry.container.shutDown();
        entry.container = await desk.boot(node);
        expect(await cloudInitErrors(node, entry.container)).toEqual([]);
        await entry.container.run("systemctl", "is-system-running", "--wait");
        expect({ contents: contents(), calls: calls() }).toEqual(before);
        expect(
          await output(name, "systemctl", "--failed", "--no-legend", "--plain"),
        ).toBe("");
        expect(
          await output(name, "systemctl", "is-active", "pi-image-node"),
        ).toBe("inactive");
      }
    });
  },
);
