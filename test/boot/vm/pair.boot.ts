// Two whole images, exactly as flashed, become a cluster of stand-ins: the endpoint found by address, DNS and mDNS.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it, onTestFailed } from "vitest";
import { describeAsRoot } from "../../support/tools.ts";
import { ALLOWED } from "../nspawn/scrubbed.ts";
import {
  ADDRESSES,
  CONTROL_PLANE,
  twoNodes,
  WORKER,
} from "../support/inventory.ts";
import { secretLines } from "../support/secret-lines.ts";
import { secretsInBootPartition, secretsInRootPartition } from "./dead-card.ts";
import { untilNodeIsDone } from "./node.ts";
import { openRoom, type Room } from "./room.ts";

const TOOLS = ["mmdebstrap", "mcopy", "ip", "sfdisk", "dnsmasq", "ssh"];

const WAYS = [
  {
    way: "a fixed address",
    name: "pair-address",
    settings: { inventory: twoNodes() },
  },
  {
    way: "DNS",
    name: "pair-dns",
    settings: {
      inventory: twoNodes({ endpoint: "api.desk.test", fixed: false }),
      names: { "api.desk.test": ADDRESSES[CONTROL_PLANE] },
    },
  },
  {
    way: "mDNS",
    name: "pair-mdns",
    settings: { inventory: twoNodes({ fixed: false }) },
  },
];

for (const { way, name, settings } of WAYS) {
  describeAsRoot(TOOLS, `two images, endpoint found by ${way}`, () => {
    let room: Room;
    const test = (title: string, body: () => Promise<void>) =>
      it(title, async () => {
        onTestFailed(() => room.fail());
        await body();
      });

    beforeAll(async () => {
      room = await openRoom(name, settings);
      return () => room.close();
    });

    test("both nodes finish, see each other by name, and leave no secret behind", async () => {
      const { controlPlane, worker, project } = room;
      const machines = new Map(
        await Promise.all(
          [worker, controlPlane].map(
            async (node) => [node, await room.boot(node)] as const,
          ),
        ),
      );
      for (const [node, machine] of machines) {
        await untilNodeIsDone(node, machine);
        const cloudInit = await node.ssh("cat /run/cloud-init/result.json");
        expect(JSON.parse(cloudInit.stdout)).toMatchObject({
          v1: {
            datasource: expect.stringMatching(/NoCloud \[seed=\/dev\//),
            errors: [],
          },
        });
        const size = await node.ssh("df --output=size --block-size=M /");
        expect(parseInt(size.stdout.split("\n")[1] ?? "", 10)).toBeGreaterThan(
          2300,
        );
      }
      const answered = async (command: string) => {
        const { stdout, stderr } = await worker.ssh(command);
        return stdout + stderr;
      };
      const host = `${CONTROL_PLANE}.local`;
      expect(await answered(`getent ahostsv4 ${host}`)).toContain(
        ADDRESSES[CONTROL_PLANE],
      );
      expect(await answered(`sudo ping -4 -c 1 -W 5 ${host}`)).toContain(
        " 0% packet loss",
      );
      expect(
        await answered(
          `sudo kubectl --kubeconfig /etc/kubernetes/kubelet.conf get node ${WORKER}`,
        ),
      ).toContain("True");
      for (const [node, machine] of machines) {
        await node.ssh("sudo systemctl poweroff");
        await machine.ended;
        const documents = ["user-data", "network-config"].map((file) =>
          readFileSync(join(project.folder, "out", node.name, file), "utf8"),
        );
        const secrets = secretLines(documents);
        expect(secrets.length).toBeGreaterThan(3);
        expect(await secretsInBootPartition(node.spec.card, secrets)).toEqual(
          [],
        );
        expect(
          await secretsInRootPartition(
            node.spec.card,
            `${node.spec.card}.root`,
            secrets,
          ),
        ).toEqual(ALLOWED[node === controlPlane ? "control-plane" : "worker"]);
      }
    });
  });
}
