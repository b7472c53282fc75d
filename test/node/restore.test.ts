// A control plane that begins with a state that was kept: all of it or nothing, once, and never beside a cluster that runs.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { sampleSnapshot } from "../cluster/sample-snapshot.ts";
import { controlPlane, staticNetwork } from "../seed/sample-project.ts";
import { describeAsRoot } from "../support/tools.ts";
import { etcdLab, type Member } from "./etcd-lab.ts";
import {
  calls,
  type Circumstances,
  describeNode,
  isDone,
  powerOn,
  restart,
  runOnNode,
} from "./fake-node.ts";
import { lastingSecrets } from "./join-identities.ts";
import { lay, running, said, second, SECOND, shared } from "./kubeadm-phase.ts";
import { layBefore, runToEnd } from "./phase.ts";

const SUPPLY = "boot/firmware/pi-image-restore.gz";
const STATE = "var/lib/etcd/member/snap/db";

const put = (root: string, path: string, data: string | Buffer): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), data);
};

const digestOf = (snapshot: Buffer): string =>
  snapshot.subarray(-32).toString("hex");

const oursOf = async (): Promise<Buffer> =>
  sampleSnapshot((await lastingSecrets()).ca.certificate);

const UUID = { "proc/sys/kernel/random/uuid": "0b7c2f60-0001" };

/** The first control plane's card, made with a snapshot; `holds` is what lies on it instead. */
const restoring = async (
  is: Partial<Circumstances> = {},
  { snapshot, holds }: { snapshot?: Buffer; holds?: Buffer } = {},
): Promise<string> => {
  const state = snapshot ?? (await oursOf());
  const root = await lay({
    node: controlPlane,
    restores: digestOf(state),
    ...is,
    files: { ...UUID, ...is.files },
    // What the first control plane left in the cluster's state when it had made the cluster.
    world: { begun: "", ...is.world },
  });
  put(root, SUPPLY, holds ?? gzipSync(state));
  return root;
};

const POWER_CUT = { 1: "cut_power" };

const at = (root: string, path: string): boolean =>
  existsSync(join(root, path));

const initCalls = (root: string): readonly string[] =>
  calls(root, "kubeadm").filter((call) =>
    call.startsWith("kubeadm init --config"),
  );

describeNode("a control plane's card with a snapshot", () => {
  it("begins the cluster with its state", async () => {
    const root = await restoring();
    await runToEnd(root);
    expect(said(root)).toEqual([
      "Checking the node and fetching the images of the control plane.",
      "Restoring the state of the cluster from the snapshot on this card.",
      "Starting the control plane with the restored state; this takes some minutes.",
      "done",
    ]);
    expect(readFileSync(join(root, STATE)).equals(await oursOf())).toBe(true);
    expect(readdirSync(join(root, "var/lib/etcd"))).toEqual(["member"]);
    expect(at(root, "var/lib/etcd.restoring")).toBe(false);
    expect(initCalls(root)).toEqual([
      expect.stringMatching(
        / --ignore-preflight-errors DirAvailable--var-lib-etcd$/,
      ),
    ]);
    const container = JSON.parse(
      readFileSync(join(root, "world/container.json"), "utf8"),
    ) as { readonly command: readonly string[] };
    expect(container).toEqual({
      metadata: { name: "restore" },
      image: { image: "registry.k8s.io/etcd:3.6.8-0" },
      command: [
        ..."etcdutl snapshot restore".split(" "),
        `${root}/var/lib/etcd.restoring/snapshot.db`,
        "--data-dir",
        `${root}/var/lib/etcd.restoring/data`,
        ..."--name cplane --initial-cluster cplane=https://192.168.1.50:2380".split(
          " ",
        ),
        ..."--initial-advertise-peer-urls https://192.168.1.50:2380".split(" "),
        ..."--initial-cluster-token pi-image-0b7c2f60-0001".split(" "),
        ..."--bump-revision 1000000000 --mark-compacted".split(" "),
      ],
      mounts: [
        {
          host_path: `${root}/var/lib/etcd.restoring`,
          container_path: `${root}/var/lib/etcd.restoring`,
        },
      ],
      log_path: "restore.log",
      linux: {},
    });
  });

  it("leaves no copy of it on the boot partition", async () => {
    const snapshot = await oursOf();
    const root = await layBefore(["50-kubeadm", "55-scrub"], {
      node: controlPlane,
      restores: digestOf(snapshot),
      files: UUID,
      world: { runtime: " " },
    });
    put(root, SUPPLY, gzipSync(snapshot));
    await runToEnd(root);
    expect(at(root, SUPPLY)).toBe(false);
  });

  it.each([
    ["runs", running(["192.168.1.51"], [SECOND])],
    ["has etcd alone left", { etcd: "192.168.1.51", members: SECOND }],
  ])("begins nothing beside a cluster that %s", async (_, world) => {
    const root = await restoring({
      project: shared,
      world,
      after: POWER_CUT,
    });
    await powerOn(root);
    expect(said(root)).toEqual([
      "cplane2 answers, so the cluster homelab runs, and this card would begin it again from an older state. If that state is to be given up, switch cplane2 (192.168.1.51) and cplane3 (192.168.1.52) off and flash them anew afterwards; if not, flash this card without --restore, and it joins.",
    ]);
    expect(at(root, "var/lib/etcd")).toBe(false);
    expect(calls(root, "kubeadm").join()).not.toContain("init");
  });

  it("looks again when the images are there, which takes minutes", async () => {
    const root = await restoring({
      project: shared,
      plans: { "kubeadm-preflight": ["run"] },
      says: {
        "kubeadm-preflight": "echo 192.168.1.51 >world/api-servers",
      },
      after: POWER_CUT,
    });
    await powerOn(root);
    expect(said(root).at(-1)).toBe(
      "cplane2 answers now; this card does not begin the cluster again from an older state.",
    );
    expect(at(root, STATE)).toBe(false);
  });

  it("begins a cluster that was seen running, when all others are off", async () => {
    const root = await restoring({
      project: shared,
    });
    const env = join(root, "etc/pi-image/node.env");
    writeFileSync(
      env,
      readFileSync(env, "utf8").replace(
        "PI_IMAGE_SEEN=''",
        "PI_IMAGE_SEEN='2026-11-20'",
      ),
    );
    await runToEnd(root);
    expect(at(root, STATE)).toBe(true);
  });

  it.each<[string, () => Promise<readonly [Buffer, Buffer]>, string]>([
    [
      "is cut short",
      async () => {
        const state = await oursOf();
        const packed = gzipSync(state);
        return [state, packed.subarray(0, packed.length >> 1)];
      },
      "The snapshot on this card cannot be unpacked: gzip: stdin: unexpected end of file. Build this card again and flash it.",
    ],
    [
      "is another one",
      async () => [await oursOf(), gzipSync(sampleSnapshot("another"))],
      "The snapshot on this card is not the one that it was made with. Build this card again and flash it.",
    ],
    [
      "has a wrong byte",
      async () => {
        const state = await oursOf();
        const wrong = Buffer.from(state);
        wrong.writeUInt8(7, 9000);
        return [state, gzipSync(wrong)];
      },
      "The state cannot be restored: the snapshot on this card is damaged, for its own SHA-256 does not match.",
    ],
    [
      "is of another cluster",
      async () => {
        const theirs = sampleSnapshot("another authority");
        return [theirs, gzipSync(theirs)];
      },
      "The state in the snapshot on this card is of another cluster: it does not name the authority on this card.",
    ],
    [
      "etcd cannot use",
      async () => {
        const { ca } = await lastingSecrets();
        const state = sampleSnapshot(`${ca.certificate}unusable`);
        return [state, gzipSync(state)];
      },
      "The state cannot be restored: Error: the snapshot is unusable.",
    ],
  ])("begins nothing with one that %s", async (_, make, because) => {
    const [snapshot, holds] = await make();
    const root = await restoring({ after: POWER_CUT }, { snapshot, holds });
    await powerOn(root);
    expect(said(root).at(-1)).toBe(because);
    expect(at(root, "var/lib/etcd")).toBe(false);
    expect(initCalls(root)).toEqual([]);
  });

  it("goes on after a power cut at every sync, with the state of the snapshot", async () => {
    const root = await restoring();
    for (let boot = 1; boot < 30; boot += 1) {
      put(root, "world/plans/sync", "ok\n".repeat(boot - 1) + "cut\n");
      const { code } = await powerOn(root);
      if (code === 0) {
        break;
      }
      restart(root);
    }
    expect(isDone(root)).toBe(true);
    expect(readFileSync(join(root, STATE)).equals(await oursOf())).toBe(true);
    expect(readdirSync(join(root, "var/lib/etcd"))).toEqual(["member"]);
    expect(at(root, "var/lib/etcd.restoring")).toBe(false);
  });

  it.each(["crictl-start", "crictl-start-after", "kubeadm-init"])(
    "restores anew after a power cut at %s",
    async (place) => {
      const root = await restoring({ plans: { [place]: ["cut"] } });
      expect((await powerOn(root)).code).toBeNull();
      restart(root);
      await runToEnd(root);
      expect(readFileSync(join(root, STATE)).equals(await oursOf())).toBe(true);
      expect(at(root, "var/lib/etcd.restoring")).toBe(false);
    },
  );

  it("never restores over what the cluster wrote since", async () => {
    const root = await restoring({
      plans: { "kubeadm-init-middle": ["cut", "fail"] },
    });
    expect((await powerOn(root)).code).toBeNull();
    put(root, STATE, "the workers' news");
    restart(root);
    await runToEnd(root);
    expect(readFileSync(join(root, STATE), "utf8")).toBe("the workers' news");
    expect(calls(root, "kubeadm").join()).not.toContain("reset");
    expect(
      calls(root, "crictl").filter((it) => it.includes(" runp ")),
    ).toHaveLength(1);
  });
});

describeNode("what an earlier card left", () => {
  it("is gone on with where the user says so, and kept beside", async () => {
    const root = await lay({
      node: controlPlane,
      files: {
        ...UUID,
        [STATE]: `state ${(await lastingSecrets()).ca.certificate}`,
      },
      after: { 1: "touch etc/pi-image/restore" },
    });
    await runToEnd(root);
    expect(said(root)[0]).toContain(
      "To go on with it: sudo touch /etc/pi-image/restore.",
    );
    expect(said(root)).toContain(
      "Restoring the state of the cluster from /var/lib/etcd.earlier.",
    );
    expect(readFileSync(join(root, STATE), "utf8")).toContain("state ");
    expect(at(root, "var/lib/etcd.earlier/member/snap/db")).toBe(true);
    expect(at(root, "etc/pi-image/restore")).toBe(false);
    expect(readFileSync(join(root, "world/container.json"), "utf8")).toContain(
      '"--skip-hash-check"',
    );
  });

  it("is not gone on with where it is another cluster's", async () => {
    const root = await lay({
      node: controlPlane,
      files: { ...UUID, [STATE]: "another's", "etc/pi-image/restore": "" },
      after: POWER_CUT,
    });
    await powerOn(root);
    expect(said(root).at(-1)).toBe(
      "The state in /var/lib/etcd.earlier is of another cluster: it does not name the authority on this card.",
    );
    expect(at(root, "var/lib/etcd.earlier/member/snap/db")).toBe(true);
  });

  it("is offered where it is a snapshot, before an empty cluster begins", async () => {
    const file = "var/lib/pi-image/snapshots/etcd-2026-11-19T07-00-00Z.db";
    const root = await lay({
      node: controlPlane,
      files: UUID,
      after: { 1: `echo /${file} >etc/pi-image/restore` },
    });
    put(root, file, await oursOf());
    await runToEnd(root);
    expect(said(root)[0]).toBe(
      `This node's disk has snapshots of the cluster that an earlier card kept. To go on with the newest: echo /${file} | sudo tee /etc/pi-image/restore. To begin a new, empty cluster instead: sudo touch /etc/pi-image/begin.`,
    );
    expect(said(root)).toContain(
      `Restoring the state of the cluster from /${file}.`,
    );
    expect(readFileSync(join(root, STATE)).equals(await oursOf())).toBe(true);
  });

  it("does not hold up a card of another cluster", async () => {
    const root = await lay({ node: controlPlane, files: UUID });
    put(
      root,
      "var/lib/pi-image/snapshots/etcd-2026-11-19T07-00-00Z.db",
      sampleSnapshot("another authority"),
    );
    await runToEnd(root);
    expect(initCalls(root)).toHaveLength(1);
  });
});

const BIN = process.env["PI_IMAGE_KUBE_BIN"];
const ETCD = BIN === undefined ? "/usr/bin/etcd" : join(BIN, "etcd");
const ETCDCTL = BIN === undefined ? "/usr/bin/etcdctl" : join(BIN, "etcdctl");
const ETCDUTL = BIN === undefined ? ETCDCTL : join(BIN, "etcdutl");

const base64 = (text: string): string => Buffer.from(text).toString("base64");

describeAsRoot(
  ["etcd", "etcdctl", "curl", "openssl"],
  "a snapshot that a real etcd made and restores",
  () => {
    it("brings one member's cluster with all of the state, from one of three that is left alone", async () => {
      const secrets = await lastingSecrets();
      const lab = etcdLab(ETCD, secrets);
      const members: readonly [Member, Member, Member] = [
        { name: "cplane", address: "127.7.1.10" },
        { name: "cplane2", address: "127.7.1.11" },
        { name: "cplane3", address: "127.7.1.12" },
      ];
      const [first, other, third] = members;
      for (const member of members) {
        lab.start(member, members);
      }
      await lab.healthy(first.address);
      for (const [key, value] of [
        [
          "/registry/configmaps/default/kube-root-ca.crt",
          secrets.ca.certificate,
        ],
        ["/registry/x", "of the cluster"],
      ] as const) {
        lab.ask(first.address, "kv/put", {
          key: base64(key),
          value: base64(value),
        });
      }
      await lab.healthy(third.address);
      await lab.stop(other.name);
      await lab.stop(first.name);

      // The one that is left has no majority, and makes a snapshot all the same.
      const node = {
        ...second,
        name: third.name,
        network: staticNetwork(`${third.address}/24`),
      };
      const left = await lay({
        project: shared,
        node: { ...node, name: "cplane3" },
        world: { etcdctl: ETCDCTL },
        files: {
          "var/lib/pi-image/kubeadm-done": "",
          "etc/kubernetes/manifests/etcd.yaml": `    - --listen-client-urls=https://${third.address}:2379\n`,
        },
      });
      symlinkSync(join(lab.folder, third.name), join(left, "var/lib/etcd"));
      for (const [name, from] of [
        ["ca.crt", "ca.crt"],
        ["healthcheck-client.crt", "all.crt"],
        ["healthcheck-client.key", "all.key"],
      ] as const) {
        cpSync(
          join(lab.folder, from),
          join(left, "etc/kubernetes/pki/etcd", name),
        );
      }
      const { code, output } = await runOnNode(
        left,
        "usr/local/lib/pi-image/snapshot",
      );
      expect({ code, output }).toMatchObject({ code: 0 });
      const kept = join(left, "var/lib/pi-image/snapshots");
      const snapshot = readFileSync(join(kept, readdirSync(kept)[0] ?? ""));
      await lab.stop(third.name);

      const root = await restoring(
        {
          project: {
            ...shared,
            nodes: shared.nodes.map((one) =>
              one.name === "cplane"
                ? { ...one, network: staticNetwork(`${first.address}/24`) }
                : one,
            ),
          },
          node: {
            ...controlPlane,
            network: staticNetwork(`${first.address}/24`),
          },
          world: { etcdutl: ETCDUTL, address: first.address },
        },
        { snapshot },
      );
      await runToEnd(root);
      rmSync(join(lab.folder, first.name), { recursive: true });
      cpSync(join(root, "var/lib/etcd"), join(lab.folder, first.name), {
        recursive: true,
      });
      lab.start(first, [first]);
      await lab.healthy(first.address);
      expect(
        lab
          .ask(first.address, "cluster/member/list", {})
          .members?.map(({ name, peerURLs }) => [name, ...peerURLs]),
      ).toEqual([["cplane", "https://127.7.1.10:2380"]]);
      const found = lab.ask(first.address, "kv/range", {
        key: base64("/registry/x"),
      }) as { readonly kvs?: readonly { readonly value: string }[] };
      expect(
        Buffer.from(found.kvs?.[0]?.value ?? "", "base64").toString(),
      ).toBe("of the cluster");
    });
  },
);
