// watch, doctor and ssh through a gateway: real ssh, real servers behind the gateway's own packet filter.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { expect, inject, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import type { ResolvedProject } from "../../src/inventory/resolved.ts";
import { knownHosts } from "../../src/kubernetes/known-hosts.ts";
import { sshConfig } from "../../src/kubernetes/ssh-config.ts";
import { renderSeed } from "../seed/render-seed.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { type Lan, openLan } from "../seed/gateway-lan.ts";
import { seedInput } from "../seed/sample-project.ts";
import { describeAsRoot } from "../support/tools.ts";
import { type ClusterFolder, clusterFolder } from "./cluster-folder.ts";
import { nodeStatus } from "./lan.ts";

const inventory = (key: string): string => `cluster: {name: homelab}
defaults:
  users: [{name: ana, sshKeys: ["${key}"]}]
nodes:
  - name: gate
    role: gateway
    address: 192.168.77.1/24
    gateway: 192.168.77.2
    uplink: wifi
    wifi: {ssid: home, country: ES, security: open}
    serves: {address: 10.0.0.1/24, forwards: [{port: 6443, to: cplane}]}
  - {name: cplane, role: control-plane, address: 10.0.0.10/24}
  - {name: nas, role: storage, storage: sd+usb-data, address: 10.0.0.20/24}
  - {name: worker1, role: worker}
`;

/** A node's own passwd, status file and host key are in a view of the file system that nobody else has. */
const SERVER = `
  mount --bind "$1/passwd" /etc/passwd
  mount -t tmpfs none /var/lib
  mkdir /var/lib/pi-image
  [ ! -e "$1/$2.json" ] || cp "$1/$2.json" /var/lib/pi-image/status.json
  exec dropbear -F -E -s -r "$1/$2.key" -p 22
`;

const cardFile = async (
  project: ResolvedProject,
  path: string,
): Promise<string> => {
  const gate = project.nodes.find(({ name }) => name === "gate");
  const { seed } = renderSeed(
    await seedInput(project, gate ?? project.nodes[0]!),
  );
  const { write_files: files } = parse(seed?.userData ?? "") as {
    readonly write_files: readonly { path: string; content: string }[];
  };
  return files.find((file) => file.path === path)?.content ?? "";
};

/** An agent with the user's key: ssh looks for keys in the home of the account, not in $HOME. */
const startAgent = async (folder: string, key: string): Promise<string> => {
  const socket = join(folder, "agent");
  const agent = spawn("ssh-agent", ["-D", "-a", socket], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => {
    agent.kill("SIGKILL");
  });
  await new Promise((resolve) => agent.stdout.once("data", resolve));
  await runTool("ssh-add", ["-q", key], { env: { SSH_AUTH_SOCK: socket } });
  return socket;
};

type Desk = Pick<ClusterFolder, "project" | "secrets" | "folder"> & {
  readonly lan: Lan;
  /** Runs a program on the laptop. */
  readonly run: (...command: readonly string[]) => ReturnType<Lan["run"]>;
  /** `keyOf` is the node whose host key it has. */
  readonly startServer: (
    node: string,
    status?: object,
    keyOf?: string,
  ) => Promise<void>;
};

const makeDesk = async (): Promise<Desk> => {
  const keys = await clusterFolder();
  const key = join(keys.folder, "id_ed25519");
  await runTool("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const publicKey = readFileSync(`${key}.pub`, "utf8").trim();
  const { folder, project, secrets } = await clusterFolder(
    new Date(),
    inventory(publicKey),
  );
  const socket = await startAgent(folder, key);
  const lan = await openLan({
    nftables: await cardFile(project, "/etc/nftables.conf"),
    dnsmasq: await cardFile(project, "/etc/dnsmasq.d/pi-image.conf"),
    nodes: { nas: undefined, worker1: undefined },
  });
  onTestFinished(() => lan.close());
  for (const name of ["nas", "worker1"]) {
    lan.lease(name, name);
  }
  const home = join(folder, "home");
  mkdirSync(join(home, ".ssh"), { recursive: true, mode: 0o700 });
  writeFileSync(join(home, ".ssh/authorized_keys"), `${publicKey}\n`, {
    mode: 0o600,
  });
  const { uid, gid } = userInfo();
  writeFileSync(
    join(folder, "passwd"),
    `root:x:0:0::/root:/bin/sh\nana:x:${uid}:${gid}::${home}:/bin/sh\n`,
  );
  return {
    folder,
    project,
    secrets,
    lan,
    run: (...command) =>
      lan.run(
        "laptop",
        "env",
        "--chdir",
        folder,
        `HOME=${folder}`,
        `SSH_AUTH_SOCK=${socket}`,
        ...command,
      ),
    startServer: async (node, status, keyOf = node) => {
      const key = join(folder, `${node}.key`);
      writeFileSync(
        `${key}.openssh`,
        secrets.nodes[keyOf]?.hostKey.key.reveal() ?? "",
        { mode: 0o600 },
      );
      await runTool("dropbearconvert", [
        "openssh",
        "dropbear",
        `${key}.openssh`,
        key,
      ]);
      if (status !== undefined) {
        writeFileSync(join(folder, `${node}.json`), JSON.stringify(status));
      }
      await lan.start(
        node,
        "unshare",
        "--mount",
        "sh",
        "-ec",
        SERVER,
        "sh",
        folder,
        node,
      );
    },
  };
};

const pi = (...args: readonly string[]): readonly string[] => [
  process.execPath,
  inject("cli"),
  ...args,
  // vitest asks all programs for colours in CI.
  "--no-color",
];

describeAsRoot(
  ["ip", "nft", "dnsmasq", "udhcpc", "dropbear", "ssh", "ssh-agent", "unshare"],
  "a laptop in front of a gateway",
  () => {
    it("reaches the nodes behind it with ssh, watch and doctor", async () => {
      const { run, startServer, folder, project, secrets } = await makeDesk();
      await startServer("gate", nodeStatus("gate", "done", "done", "ready"));
      await startServer("nas", {
        ...nodeStatus("nas", "done", "done", "ready"),
        notes: { storage: "Data lie on /dev/sda, mounted on /srv/nfs." },
      });
      await startServer("worker1", {
        ...nodeStatus("worker1", "kubeadm", "waiting", "Waits for cplane."),
        notes: { pcie: "PCIe runs at Gen 3 and reads 791 MB/s." },
      });

      // The files that build writes.
      const known = join(folder, "known_hosts");
      writeFileSync(known, knownHosts(project, secrets));
      const config = join(folder, "ssh_config");
      writeFileSync(config, sshConfig(project, known));
      expect(
        run(
          "ssh",
          "-F",
          config,
          "worker1",
          "cat",
          "/var/lib/pi-image/status.json",
        ).output,
      ).toContain('"node":"worker1"');

      const { output } = run(
        ...pi("watch", "--json", "--timeout", "1s", "--interval", "1s"),
      );
      const records = output
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      const last = (name: string) =>
        records.findLast((record) => record["name"] === name);
      expect(last("gate")).toMatchObject({
        address: "192.168.77.1",
        ssh: "open",
        ready: true,
      });
      expect(last("nas")).toMatchObject({
        ssh: "open",
        ready: true,
        notes: { storage: "Data lie on /dev/sda, mounted on /srv/nfs." },
      });
      expect(last("worker1")).toMatchObject({
        ssh: "open",
        phase: "kubeadm",
        message: "Waits for cplane.",
        ready: false,
        notes: { pcie: "PCIe runs at Gen 3 and reads 791 MB/s." },
      });
      expect(last("cplane")).toMatchObject({
        ready: false,
        statusUnknown: "its gateway does not reach it: No route to host",
      });

      expect(run(...pi("doctor", "gate"))).toEqual({
        status: 0,
        output: expect.stringMatching(/^ok +node unit +done$/m),
      });
      expect(run(...pi("doctor", "nas")).status).toBe(0);
      const worker = run(...pi("doctor", "worker1")).output;
      expect(worker).toContain("gate answers; this node is reached through it");
      expect(worker).toContain(
        "phase kubeadm is waiting (attempt 3): Waits for cplane.",
      );
      expect(worker).toContain("PCIe runs at Gen 3 and reads 791 MB/s.");
    });

    it("says that the gateway is off, or that another machine is in its place", async () => {
      const { run, startServer } = await makeDesk();
      expect(run(...pi("doctor", "worker1")).output).toContain(
        "this node is behind gate, which does not answer",
      );
      await startServer("gate", undefined, "nas");
      expect(run(...pi("doctor", "gate")).output).toContain(
        "the host key is not this node's",
      );
    });
  },
);
