// Daily snapshots of etcd on a control plane: made by a real etcd, kept whole, and never pushed out by one that failed.
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { describeAsRoot } from "../support/tools.ts";
import { controlPlane, sampleProject } from "../seed/sample-project.ts";
import {
  calls,
  type Circumstances,
  describeNode,
  layNode,
  leftToDo,
  restart,
  runOnNode,
  type Status,
} from "./fake-node.ts";
import { etcdLab } from "./etcd-lab.ts";
import { lastingSecrets } from "./join-identities.ts";

const KEPT = "var/lib/pi-image/snapshots";
const DAY = 86_400;
const START = 1_795_158_000;

const NOTE = (because: string): string =>
  `No snapshot of etcd could be made: ${because}. It is tried again every hour, and the earlier ones are kept.`;

/** A control plane whose card has done its work. */
const done = (is: Partial<Circumstances> = {}): Promise<string> =>
  layNode({
    project: sampleProject,
    node: controlPlane,
    ...is,
    files: {
      ...leftToDo(),
      "var/lib/pi-image/kubeadm-done": "",
      "var/lib/pi-image/status.json":
        '{"schemaVersion":1,"node":"cplane","cluster":"homelab","phase":"done","state":"done"}\n',
      "var/lib/etcd/member/snap/db": "state",
      "etc/kubernetes/manifests/etcd.yaml":
        "    - --listen-client-urls=https://127.7.2.10:2379,https://192.168.1.50:2379\n",
      ...is.files,
    },
  });

const take = async (root: string, at?: number): Promise<number | null> => {
  if (at !== undefined) {
    writeFileSync(join(root, "world/clock"), `${at}\n`);
  }
  return (await runOnNode(root, "usr/local/lib/pi-image/snapshot")).code;
};

const kept = (root: string, folder = KEPT): readonly string[] =>
  existsSync(join(root, folder)) ? readdirSync(join(root, folder)).sort() : [];

const statusOf = (root: string): Status =>
  JSON.parse(
    readFileSync(join(root, "var/lib/pi-image/status.json"), "utf8"),
  ) as Status;

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describeNode("a control plane's daily snapshot", () => {
  it("is made once a day, and tells when", async () => {
    const root = await done();
    expect(await take(root)).toBe(0);
    expect(kept(root)).toEqual(["etcd-2026-11-20T07-00-00Z.db"]);
    expect(statusOf(root)).toEqual({
      schemaVersion: 1,
      node: "cplane",
      cluster: "homelab",
      phase: "done",
      state: "done",
      snapshot: "2026-11-20T07:00:00Z",
    });
    expect(modeOf(join(root, KEPT))).toBe(0o700);
    expect(modeOf(join(root, KEPT, kept(root)[0] ?? ""))).toBe(0o600);
    expect(readdirSync(join(root, "var/lib/etcd"))).toEqual(["member"]);
    await take(root, START + 22 * 3600);
    expect(kept(root)).toHaveLength(1);
    await take(root, START + 23 * 3600);
    expect(kept(root)).toHaveLength(2);
    expect(calls(root, "crictl").at(-1)).toMatch(
      /^crictl exec --sync --timeout 900 etcd-run-1 etcdctl --endpoints https:\/\/127\.7\.2\.10:2379 /,
    );
  });

  it("keeps seven, and the new one although a clock was a year ahead", async () => {
    const root = await done({
      files: Object.fromEntries(
        [
          ...[13, 14, 15, 16, 17, 18, 19].map((day) => `2026-11-${day}`),
          "2027-11-20",
        ].map((day) => [`${KEPT}/etcd-${day}T07-00-00Z.db`, day]),
      ),
      world: { clock: String(START + 365 * DAY) },
    });
    writeFileSync(
      join(root, "var/lib/pi-image/snapshot"),
      `${START + 365 * DAY} 2027-11-20T07:00:00Z\n`,
    );
    expect(await take(root, START)).toBe(0);
    expect(statusOf(root)["snapshot"]).toBe("2026-11-20T07:00:00Z");
    expect(kept(root)).toEqual(
      [
        ...[15, 16, 17, 18, 19, 20].map((day) => `2026-11-${day}`),
        "2027-11-20",
      ].map((day) => `etcd-${day}T07-00-00Z.db`),
    );
  });

  it.each<[string, Partial<Circumstances>, string]>([
    [
      "etcd that is not running",
      { world: { "no-etcd": " " } },
      "etcd does not run on this node",
    ],
    [
      "a disk that is full",
      {
        plans: { "crictl-exec": ["ok", "fail", "always"] },
        says: {
          "crictl-exec":
            "Error: could not write: write /var/lib/etcd/pi-image-snapshot.part: no space left on device",
        },
      },
      "etcd on this node made none (Error: could not write: write /var/lib/etcd/pi-image-snapshot.part: no space left on device)",
    ],
    [
      "one that is cut short",
      {
        plans: { "crictl-exec-after": ["ok", "run"] },
        says: {
          "crictl-exec-after":
            "truncate --size -1 var/lib/etcd/pi-image-snapshot",
        },
      },
      "what etcd on this node wrote is not whole",
    ],
    [
      "one with a wrong byte",
      {
        plans: { "crictl-exec-after": ["ok", "run"] },
        says: {
          "crictl-exec-after":
            "printf X | dd of=var/lib/etcd/pi-image-snapshot bs=1 seek=700 conv=notrunc status=none",
        },
      },
      "what etcd on this node wrote is not whole",
    ],
  ])("keeps what it has after %s", async (_, is, because) => {
    const root = await done({
      ...is,
      world: {},
    });
    expect(await take(root)).toBe(0);
    const before = readFileSync(join(root, KEPT, kept(root)[0] ?? ""));
    for (const [name, text] of Object.entries(is.world ?? {})) {
      writeFileSync(join(root, "world", name), text);
    }
    expect(await take(root, START + DAY)).toBe(1);
    expect(kept(root)).toHaveLength(1);
    expect(readFileSync(join(root, KEPT, kept(root)[0] ?? ""))).toEqual(before);
    expect(readdirSync(join(root, "var/lib/etcd"))).toEqual(["member"]);
    expect(statusOf(root)).toMatchObject({
      snapshot: "2026-11-20T07:00:00Z",
      notes: { snapshot: NOTE(because) },
    });
    rmSync(join(root, "world/plans"), { recursive: true, force: true });
    rmSync(join(root, "world/no-etcd"), { force: true });
    expect(await take(root, START + DAY + 3600)).toBe(0);
    expect(kept(root)).toHaveLength(2);
    expect(statusOf(root)).not.toHaveProperty("notes");
  });

  it("leaves etcd the room that it needs", async () => {
    const root = await done();
    rmSync(join(root, "real/stat"));
    writeFileSync(
      join(root, "real/stat"),
      '#!/bin/sh\ncase "$*" in *file-system*) echo 70000 4096 ;; *) echo 20000000 ;; esac\n',
    );
    chmodSync(join(root, "real/stat"), 0o755);
    expect(await take(root)).toBe(1);
    expect(calls(root, "crictl").join()).not.toContain("exec");
    expect(statusOf(root)).toMatchObject({
      notes: {
        snapshot: NOTE(
          "the disk with /var/lib/etcd is too full: a snapshot needs 20 MiB, and etcd itself must keep 256 MiB",
        ),
      },
    });
  });

  it("lies on the data disk, and not on the card while that is away", async () => {
    const root = await done({
      node: {
        ...controlPlane,
        storage: "sd+nvme-data",
        dataMount: "/srv/data",
      },
    });
    expect(await take(root)).toBe(1);
    expect(statusOf(root)).toMatchObject({
      notes: {
        snapshot: NOTE("the data disk is not mounted on /srv/data"),
      },
    });
    writeFileSync(join(root, "world/mounts"), "/srv/data\n");
    mkdirSync(join(root, "srv/data"), { recursive: true });
    expect(await take(root)).toBe(0);
    expect(kept(root)).toEqual([]);
    expect(kept(root, "srv/data/pi-image-snapshots")).toHaveLength(1);
  });

  it.each(["crictl-exec", "crictl-exec-after", "sync"])(
    "is whole after a power cut at %s",
    async (place) => {
      const root = await done({ plans: { [place]: ["ok", "cut"] } });
      // The stamps' own sync is not part of this.
      if (place === "sync") {
        writeFileSync(join(root, "world/plans/sync"), "ok\nok\ncut\n");
      }
      await take(root);
      const before = kept(root);
      expect(before).toHaveLength(1);
      expect(await take(root, START + DAY)).toBeNull();
      expect(kept(root).filter((name) => !name.startsWith("."))).toEqual(
        before,
      );
      restart(root);
      expect(await take(root, START + DAY)).toBe(0);
      expect(kept(root)).toHaveLength(2);
      expect(readdirSync(join(root, "var/lib/etcd"))).toEqual(["member"]);
    },
  );
});

const program = (name: string): string =>
  process.env["PI_IMAGE_KUBE_BIN"] === undefined
    ? `/usr/bin/${name}`
    : join(process.env["PI_IMAGE_KUBE_BIN"], name);

const isWhole = (file: string): boolean =>
  spawnSync(
    "bash",
    [
      "-euc",
      `root= ; . ${packageFile("cloud-init/files/usr/local/lib/pi-image/snapshots.sh")}; is_whole "$1"`,
      "bash",
      file,
    ],
    { encoding: "utf8" },
  ).status === 0;

describeAsRoot(
  ["etcd", "etcdctl", "curl", "openssl"],
  "a snapshot that a real etcd makes",
  () => {
    it("is proven by its own digest, and no damaged copy is", async () => {
      const lab = etcdLab(program("etcd"), await lastingSecrets());
      const member = { name: "cplane", address: "127.7.2.10" };
      lab.start(member, [member]);
      await lab.healthy(member.address);
      lab.ask(member.address, "kv/put", {
        key: Buffer.from("/registry/x").toString("base64"),
        value: Buffer.from("of the living cluster").toString("base64"),
      });
      const root = await done({ world: { etcdctl: program("etcdctl") } });
      rmSync(join(root, "var/lib/etcd"), { recursive: true });
      symlinkSync(join(lab.folder, "cplane"), join(root, "var/lib/etcd"));
      for (const [name, from] of [
        ["ca.crt", "ca.crt"],
        ["healthcheck-client.crt", "all.crt"],
        ["healthcheck-client.key", "all.key"],
      ] as const) {
        cpSync(
          join(lab.folder, from),
          join(root, "etc/kubernetes/pki/etcd", name),
        );
      }
      expect(await take(root)).toBe(0);
      const [name = ""] = kept(root);
      const file = join(root, KEPT, name);
      expect(readFileSync(file).includes("of the living cluster")).toBe(true);
      const { stdout, status } = spawnSync(
        program("etcdctl"),
        ["snapshot", "status", file],
        { encoding: "utf8" },
      );
      expect({ status, stdout }).toMatchObject({ status: 0 });
      expect(isWhole(file)).toBe(true);
      const damage: Readonly<Record<string, (copy: string) => void>> = {
        truncated: (copy) => truncateSync(copy, statSync(copy).size - 512),
        halved: (copy) => truncateSync(copy, statSync(copy).size >> 1),
        empty: (copy) => truncateSync(copy, 0),
        longer: (copy) => appendFileSync(copy, Buffer.alloc(512)),
        flipped: (copy) => {
          const bytes = readFileSync(copy);
          bytes.writeUInt8(bytes.readUInt8(9000) ^ 1, 9000);
          writeFileSync(copy, bytes);
        },
      };
      for (const [how, harm] of Object.entries(damage)) {
        const copy = join(root, `copy-${how}`);
        cpSync(file, copy);
        harm(copy);
        expect({ how, whole: isWhole(copy) }).toEqual({ how, whole: false });
      }
    });
  },
);
