// `pi-image backup`, with an ssh that runs what it is sent in a folder for each control plane.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { decryptStream } from "../../src/kubernetes/secrets/age-envelope.ts";
import { secret } from "../../src/report/secret.ts";
import { clusterFolder, INVENTORY } from "../cluster/cluster-folder.ts";
import { sampleSnapshot } from "../cluster/sample-snapshot.ts";
import { runCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const TWO = INVENTORY.replace(
  "name: homelab",
  "name: homelab\n  endpoint: api.home.arpa\n  virtualAddress: 192.168.77.40",
).replace(
  "  - {name: worker1",
  "  - {name: cplane2, role: control-plane, address: 192.168.77.60/24}\n  - {name: worker1",
);

/** `NODE.error` has its last words; `NODE.cut` says after how many bytes the connection ends. */
const FAKE_SSH = `#!/bin/bash
folder=\${0%/*}/..
node=\${7}
echo "\${*:7}" >>"$folder/calls"
[[ ! -e $folder/$node.error ]] || { cat "$folder/$node.error" >&2; exit 255; }
export PI_IMAGE_ROOT=$folder/$node PI_IMAGE_PATIENCE=5
if [[ -e $folder/$node.cut ]]; then
  bash -s | head -c "$(<"$folder/$node.cut")"
  echo 'Connection to 192.168.77.50 closed by remote host.' >&2
  exit 255
fi
exec bash -s
`;

const FAKE_CRICTL = `#!/bin/bash
case $1 in
  ps) [[ -e $PI_IMAGE_ROOT/no-etcd ]] || echo 4e5f6a7b ;;
  exec) cp "$PI_IMAGE_ROOT/state" "$PI_IMAGE_ROOT\${!#}" ;;
esac
`;

const lab = async (inventory = INVENTORY) => {
  const cluster = await clusterFolder(new Date(), inventory);
  const { folder, secrets } = cluster;
  mkdirSync(join(folder, "bin"));
  for (const [name, text] of [
    ["ssh", FAKE_SSH],
    ["crictl", FAKE_CRICTL],
  ] as const) {
    writeFileSync(join(folder, "bin", name), text);
    chmodSync(join(folder, "bin", name), 0o755);
  }
  const state = sampleSnapshot(secrets.ca.certificate);
  for (const plane of ["cplane", "cplane2"]) {
    mkdirSync(join(folder, plane, "etc/kubernetes/manifests"), {
      recursive: true,
    });
    mkdirSync(join(folder, plane, "var/lib/etcd"), { recursive: true });
    writeFileSync(
      join(folder, plane, "etc/kubernetes/manifests/etcd.yaml"),
      "    - --listen-client-urls=https://127.0.0.1:2379\n",
    );
    writeFileSync(join(folder, plane, "state"), state);
  }
  return {
    ...cluster,
    state,
    put: (path: string, data: string | Buffer) => {
      writeFileSync(join(folder, path), data);
    },
    backups: () =>
      existsSync(join(folder, "homelab.backups"))
        ? readdirSync(join(folder, "homelab.backups"))
        : [],
    left: () => readdirSync(join(folder, "cplane/var/lib/etcd")),
    pi: (...args: readonly string[]) =>
      runCli(args, {
        cwd: folder,
        env: {
          HOME: join(folder, "cplane"),
          PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`,
        },
      }),
  };
};

const NAME = /^homelab-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.db$/;

describeWithTools(["bash", "flock", "sha256sum"], "backup", () => {
  it("keeps what a control plane makes, for its owner only", async () => {
    const { pi, folder, state, backups, left } = await lab();
    const { status, stdout, stderr } = await pi("backup");
    expect({ status, stderr }).toMatchObject({ status: 0 });
    const [name = ""] = backups();
    expect(name).toMatch(NAME);
    const file = join(folder, "homelab.backups", name);
    expect(readFileSync(file).equals(state)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "homelab.backups")).mode & 0o777).toBe(0o700);
    expect(stdout.replace(name, "NAME").replace(/at \S+Z/, "at TIME")).toBe(
      [
        "homelab.backups/NAME holds the state of the cluster homelab at TIME, from cplane (160 KiB).",
        "It is not encrypted, like homelab.secrets.yaml: whoever has both can read every Secret. To encrypt them from now on: pi-image secrets rotate --encrypt-to RECIPIENT",
        "",
      ].join("\n"),
    );
    expect(readFileSync(join(folder, ".gitignore"), "utf8")).toContain(
      "*.backups/\n",
    );
    expect(left()).toEqual([]);
  });

  it("encrypts it like the secrets file, and tells programs what it did", async () => {
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    const { pi, put, folder, state, backups } = await lab();
    put("age.txt", `${identity}\n`);
    const rotated = await pi(
      "secrets",
      "rotate",
      "--yes",
      "--encrypt-to",
      recipient,
    );
    expect(rotated).toMatchObject({ status: 0 });
    const { status, stdout } = await pi(
      "backup",
      "--json",
      "--identity",
      "age.txt",
    );
    const records = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const [name = ""] = backups();
    expect({ status, last: records.at(-1) }).toMatchObject({
      status: 0,
      last: {
        type: "result",
        cluster: "homelab",
        node: "cplane",
        file: `homelab.backups/${name}`,
        bytes: state.length,
        origin: "made",
        encrypted: true,
      },
    });
    expect(name).toMatch(/Z\.db\.age$/);
    const stored = readFileSync(join(folder, "homelab.backups", name));
    const opened: Uint8Array[] = [];
    for await (const part of decryptStream(
      (async function* () {
        yield stored;
      })(),
      [secret(identity)],
      name,
      () => new Error("damaged"),
    )) {
      opened.push(part);
    }
    expect(Buffer.concat(opened).equals(state)).toBe(true);
  });

  it("asks the next control plane when one gives nothing whole", async () => {
    const { pi, put, backups, folder } = await lab(TWO);
    put("cplane.cut", "100000");
    const { status, stdout } = await pi("backup");
    expect({ status, stdout }).toMatchObject({ status: 0 });
    expect(stdout).toContain("from cplane2");
    expect(backups()).toHaveLength(1);
    expect(readFileSync(join(folder, "calls"), "utf8")).toBe(
      "cplane sudo -n bash -s\ncplane2 sudo -n bash -s\n",
    );
  });

  it("takes the newest that a node keeps where its etcd makes none", async () => {
    const { pi, put, folder, state, backups } = await lab();
    const kept = join(folder, "cplane/var/lib/pi-image/snapshots");
    mkdirSync(kept, { recursive: true });
    writeFileSync(join(kept, "etcd-2026-11-20T07-00-00Z.db"), state);
    writeFileSync(
      join(kept, "etcd-2026-11-21T07-00-00Z.db"),
      state.subarray(0, 5000),
    );
    put("cplane/no-etcd", "");
    const { status, stderr } = await pi("backup");
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stderr).toContain(
      "etcd on cplane could make no snapshot now; this is the newest that cplane keeps",
    );
    expect(backups()).toHaveLength(1);
  });

  it.each<[string, (is: Awaited<ReturnType<typeof lab>>) => void, string]>([
    [
      "that does not answer",
      ({ put }) => {
        put(
          "cplane.error",
          "ssh: connect to host 192.168.77.50 port 22: No route to host\n",
        );
      },
      "SSH cannot connect: ssh: connect to host 192.168.77.50 port 22: No route to host",
    ],
    [
      "whose etcd is off",
      ({ put }) => {
        put("cplane/no-etcd", "");
      },
      "etcd does not run on this node",
    ],
    [
      "whose connection ends in the middle",
      ({ put }) => {
        put("cplane.cut", "100000");
      },
      "SSH cannot connect: Connection to 192.168.77.50 closed by remote host.",
    ],
    [
      "whose etcd writes half of one",
      ({ put, state }) => {
        put("cplane/state", state.subarray(0, 4096));
      },
      "what etcd on this node wrote is not whole",
    ],
    [
      "of another cluster",
      ({ put }) => {
        put(
          "cplane/state",
          sampleSnapshot("-----BEGIN CERTIFICATE-----\nQUJD\n-----END"),
        );
      },
      "what it sent is of another cluster, or older than the authority of this one: its state does not name that",
    ],
  ])("keeps nothing of a control plane %s", async (_, harm, because) => {
    const is = await lab();
    harm(is);
    const { status, stderr } = await is.pi("backup");
    expect({ status, backups: is.backups(), left: is.left() }).toEqual({
      status: 1,
      backups: [],
      left: [],
    });
    expect(stderr).toContain(
      [
        "error[BACKUP_FAILED]: cplane gave no snapshot of the cluster's state",
        `  cplane: ${because}`,
        "state: nothing was written; earlier backups are there still",
      ].join("\n"),
    );
  });

  it("asks no worker", async () => {
    const { pi, backups } = await lab();
    const { status, stderr } = await pi("backup", "worker1");
    expect({ status, backups: backups() }).toEqual({ status: 2, backups: [] });
    expect(stderr).toBe(
      [
        "error[WRONG_ARGUMENTS]: worker1 is not a control plane of the cluster homelab",
        "state: nothing was written",
        "hint: the state of the cluster is on cplane",
        "",
      ].join("\n"),
    );
  });
});
