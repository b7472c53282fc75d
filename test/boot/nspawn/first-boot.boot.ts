// Both roles boot in containers from the seed of their images: cloud-init, the node's phases, the join, the second boot.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { tryTool } from "../../../src/system/run-tool.ts";
import { describeAsRoot } from "../../support/tools.ts";
import { makeLan } from "../lan/lan.ts";
import { makeCleanup } from "../support/cleanup.ts";
import {
  ADDRESSES,
  CONTROL_PLANE,
  twoNodes,
  WORKER,
} from "../support/inventory.ts";
import { openLogs, type Logs } from "../support/logs.ts";
import { buildProject, USER, type Project } from "../support/project.ts";
import { secretLines } from "../support/secret-lines.ts";
import { standInBase } from "../support/shared-base.ts";
import { PHASES } from "../support/status.ts";
import type { Container } from "./container.ts";
import {
  cloudInitErrors,
  makeNode,
  standInCalls,
  untilDone,
  type NspawnNode,
} from "./node.ts";

type Running = { readonly node: NspawnNode; container: Container };

describeAsRoot(
  ["systemd-nspawn", "mmdebstrap", "mcopy", "ip", "sfdisk"],
  "first boot in containers",
  () => {
    const cleanup = makeCleanup();
    const running = new Map<string, Running>();
    let project: Project;
    let logs: Logs;
    let secrets: readonly string[];
    let failed = false;

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
      const folder = await mkdtemp(join(tmpdir(), "pi-image-boot-"));
      cleanup.defer(() => rm(folder, { recursive: true, force: true }));
      logs = await openLogs("first-boot");
      const { image } = await standInBase();
      project = await buildProject(folder, twoNodes(), image);
      const lan = await makeLan(cleanup);
      const seeds: string[] = [];
      // The worker first: power may come in any order.
      for (const name of [WORKER, CONTROL_PLANE]) {
        const node = await makeNode(project, name, lan, logs.folder, cleanup);
        for (const file of ["user-data", "network-config"]) {
          seeds.push(
            readFileSync(join(node.root, "boot/firmware", file), "utf8"),
          );
        }
        running.set(name, { node, container: await node.boot() });
      }
      secrets = secretLines(seeds);
    });

    afterAll(async () => {
      if (failed) {
        for (const { node, container } of running.values()) {
          const journal = await container.run("journalctl", "--no-pager");
          await tryTool("tee", [join(logs.folder, `${node.name}.journal`)], {
            input: journal.stdout,
          });
        }
      }
      await cleanup.run();
      await logs.close(failed);
    });

    const test = (title: string, body: () => Promise<void>) =>
      it(title, async () => {
        onTestFailed(() => {
          failed = true;
        });
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
      const publicKey = readFileSync(`${project.key}.pub`, "utf8").trim();
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
      }
      expect(await output(WORKER, "getent", "hosts", CONTROL_PLANE)).toContain(
        ADDRESSES[CONTROL_PLANE],
      );
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
      await copyFile(project.kubeconfig, join(node.root, "root/kubeconfig"));
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
      expect(secrets.length).toBeGreaterThan(10);
      for (const { node } of running.values()) {
        const found = await tryTool("grep", ["-rlF", "-f", "-", node.written], {
          input: secrets.join("\n"),
        });
        const files = found.stdout
          .split("\n")
          .filter((file) => file !== "")
          .map((file) => file.slice(node.written.length))
          .toSorted();
        expect(files).toEqual(
          node.name === CONTROL_PLANE
            ? [
                "/etc/kubernetes/pki/ca.key",
                "/etc/kubernetes/pki/etcd/ca.key",
                "/etc/kubernetes/pki/front-proxy-ca.key",
                "/etc/kubernetes/pki/sa.key",
                "/etc/ssh/ssh_host_ed25519_key",
              ]
            : ["/etc/ssh/ssh_host_ed25519_key"],
        );
      }
    });

    test("a second boot does nothing again and is no new instance", async () => {
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
        entry.container = await node.boot();
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
