// `pi-image secrets adopt`: the real script on nodes that are folders, and an API server of the cluster that runs.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { apiServerFiles } from "../../src/kubernetes/api-server.ts";
import { publicKeyHash } from "../../src/kubernetes/certificate.ts";
import { knownHosts } from "../../src/kubernetes/known-hosts.ts";
import { controlPlanePki } from "../../src/kubernetes/pki-files.ts";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { loadClusterSecrets } from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import { clusterFolder } from "../cluster/cluster-folder.ts";
import { startLan } from "../cluster/lan.ts";
import { describeAsRoot } from "../support/tools.ts";

/** Runs on the folder nodes/NODE what it is told, and notes how it would have treated an unknown host key. */
const FAKE_SSH = `#!/bin/bash
lab=\${0%/*}/..
node=$5
/usr/bin/ssh -G -F "$2" "$node" | grep -i '^stricthostkeychecking' >>"$lab/strict"
[[ -e $lab/nodes/$node ]] || { echo "ssh: connect to host $node port 22: No route to host" >&2; exit 255; }
PATH=$lab/bin:$PATH LAB=$lab PI_IMAGE_ROOT=$lab/nodes/$node exec "\${@:8}"
`;

const FAKE_KUBECTL = `#!/bin/bash
case " $* " in
  *" get configmap kubeadm-config "*) cat "$LAB/kubeadm.yaml" ;;
  *" get secrets "*bootstrap.kubernetes.io/token*) echo "token abcdef.0123456789abcdef" ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
`;

const manifest = (flags = "") =>
  `    - kube-apiserver\n    - --secure-port=6443\n${flags}`;
const ENCRYPTS =
  "    - --encryption-provider-config=/etc/kubernetes/pki/pi-image/encryption.yaml\n";

const lab = async (change: Partial<ClusterSecrets> = {}) => {
  const cluster = await clusterFolder();
  const { folder, project, secretsFile } = cluster;
  const secrets = { ...cluster.secrets, ...change };
  const lan = await startLan(
    folder,
    secretsFile,
    (await clusterFolder()).secretsFile,
  );
  await lan.play({
    api: "own",
    nodes: [
      { name: "cplane", ready: true },
      { name: "worker1", ready: true },
      { name: "attic", ready: true },
    ],
  });
  renameSync(secretsFile, join(folder, "lost"));
  const file = (node: string, path: string) =>
    join(folder, "nodes", node, path);
  const write = (node: string, path: string, text: string) => {
    mkdirSync(dirname(file(node, path)), { recursive: true });
    writeFileSync(file(node, path), text);
  };
  for (const { path, content } of [
    ...controlPlanePki(secrets),
    ...apiServerFiles(project, secrets),
  ]) {
    write("cplane", `etc/kubernetes/pki/${path}`, content.reveal());
  }
  write(
    "cplane",
    "etc/kubernetes/manifests/kube-apiserver.yaml",
    manifest(ENCRYPTS),
  );
  for (const name of ["cplane", "worker1"]) {
    const hostKey = secrets.nodes[name]?.hostKey;
    write(name, "etc/ssh/ssh_host_ed25519_key", hostKey?.key.reveal() ?? "");
    write(name, "etc/ssh/ssh_host_ed25519_key.pub", `${hostKey?.publicKey}\n`);
  }
  writeFileSync(join(folder, "kubeadm.yaml"), "clusterName: homelab\n");
  for (const [name, text] of [
    ["ssh", FAKE_SSH],
    ["kubectl", FAKE_KUBECTL],
  ] as const) {
    writeFileSync(join(folder, "bin", name), text);
    chmodSync(join(folder, "bin", name), 0o755);
  }
  const lockFile = join(folder, "cluster.lock.json");
  const lock = (authority: string) => {
    writeFileSync(
      lockFile,
      JSON.stringify({
        schema: 1,
        kubernetes: { minor: "1.36", patch: "1.36.2" },
        bases: [],
        manifests: [],
        keys: [],
        cluster: { authority },
      }),
    );
  };
  lock(publicKeyHash(secrets.ca.certificate));
  return {
    ...cluster,
    secrets,
    lan,
    lock,
    lockFile,
    write,
    adopt: (...more: readonly string[]) =>
      lan.start(["secrets", "adopt", "cplane", ...more]).result,
    adopted: async () => (await loadClusterSecrets(secretsFile, {}))?.secrets,
  };
};

type Lab = Awaited<ReturnType<typeof lab>>;

const WRONG: readonly (readonly [
  what: string,
  change: (it: Lab) => Promise<void> | void,
  because: string,
])[] = [
  [
    "another machine answers",
    ({ lock }) => {
      lock("0".repeat(64));
    },
    "cplane has another authority than the cards that were built here",
  ],
  [
    "a key does not belong to its certificate",
    ({ write, secrets }) => {
      write("cplane", "etc/kubernetes/pki/ca.key", secrets.etcdCa.key.reveal());
    },
    "the key does not belong to the certificate",
  ],
  [
    "the cluster has another name",
    ({ folder }) => {
      writeFileSync(join(folder, "kubeadm.yaml"), "clusterName: office\n");
    },
    "belongs to the cluster office, but the inventory describes homelab",
  ],
  [
    "it is no control plane",
    ({ folder }) => {
      renameSync(
        join(folder, "nodes/cplane/etc/kubernetes/manifests"),
        join(folder, "gone"),
      );
    },
    "it is no control plane of a cluster",
  ],
  [
    "the encryption was changed",
    ({ write }) => {
      write("cplane", "etc/kubernetes/pki/pi-image/encryption.yaml", "aescbc");
    },
    "is not as pi-image wrote it",
  ],
  [
    "a rotation is under way",
    ({ write, secrets }) => {
      write(
        "cplane",
        "etc/kubernetes/pki/ca.crt",
        secrets.ca.certificate + secrets.etcdCa.certificate,
      );
    },
    "the authorities of this cluster are being replaced",
  ],
  [
    "the cluster does not answer",
    async ({ lan }) => {
      await lan.play({});
    },
    "the running cluster does not prove what the control plane holds",
  ],
  [
    "an API server of another cluster answers",
    async ({ lan }) => {
      await lan.play({ api: "foreign" });
    },
    "the running cluster does not prove what the control plane holds",
  ],
  [
    "nothing here knows the cluster, and nobody can be asked",
    ({ lock, lockFile }) => {
      lock("0".repeat(64));
      renameSync(lockFile, `${lockFile}.gone`);
    },
    "nothing here knows cplane; to trust the machine that answers, add --yes",
  ],
];

describeAsRoot(["ip", "ssh"], "secrets adopt", () => {
  it("fetches what the lost file held, and the cluster accepts it", async () => {
    const { secrets, adopt, adopted, folder, secretsFile } = await lab({
      revoked: ["stolen"],
    });
    const { status, stdout, stderr } = await adopt();
    expect(status, stderr).toBe(0);
    const now = await adopted();
    for (const name of ["ca", "frontProxyCa", "etcdCa"] as const) {
      expect(now?.[name].certificate).toBe(secrets[name].certificate);
      expect(now?.[name].key.reveal()).toBe(secrets[name].key.reveal());
    }
    expect(now?.serviceAccount.key.reveal()).toBe(
      secrets.serviceAccount.key.reveal(),
    );
    expect(now?.encryptionKey?.reveal()).toBe(secrets.encryptionKey?.reveal());
    expect(now?.bootstrapToken.reveal()).toBe("abcdef.0123456789abcdef");
    expect(now?.hardened).toBe(true);
    expect(now?.revoked).toEqual(["stolen"]);
    for (const name of ["cplane", "worker1"]) {
      expect(now?.nodes[name]?.hostKey.publicKey).toBe(
        secrets.nodes[name]?.hostKey.publicKey,
      );
    }
    // It did not answer, and nobody knows its key.
    expect(now?.nodes["worker2"]?.hostKey.publicKey).not.toBe(
      secrets.nodes["worker2"]?.hostKey.publicKey,
    );
    expect(stderr).toContain("worker2 did not answer");
    expect(stderr).toContain("nodes that the inventory does not have: attic");
    expect(stdout).toContain(`Stored the secrets of the running cluster in`);
    expect(existsSync(secretsFile)).toBe(true);
    // The lockfile proves the authority, so a host key that is new is taken, and nothing is asked.
    expect(readFileSync(join(folder, "strict"), "utf8")).toMatch(
      /^(stricthostkeychecking accept-new\n)+$/,
    );
    const again = await adopt();
    expect(again.status).toBe(1);
    expect(again.stderr).toContain("there is a secrets file already");
  });

  it.each(WRONG)("writes nothing where %s", async (_case, change, because) => {
    const it = await lab();
    await change(it);
    const { status, stderr } = await it.adopt();
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(because);
    expect([1, 2], stderr).toContain(status);
    expect(await it.adopted()).toBeUndefined();
  });

  it("trusts the host keys that are still known, without a lockfile", async () => {
    const it = await lab();
    renameSync(it.lockFile, `${it.lockFile}.gone`);
    mkdirSync(join(it.folder, "out"));
    writeFileSync(
      join(it.folder, "out/known_hosts"),
      knownHosts(it.project, it.secrets),
    );
    const { status, stderr } = await it.adopt("--json");
    expect(status, stderr).toBe(0);
    expect(await it.adopted()).toBeDefined();
  });

  it("names the control planes that it could be given", async () => {
    const { lan } = await lab();
    for (const words of [
      ["secrets", "adopt"],
      ["secrets", "adopt", "worker1"],
    ]) {
      const { status, stderr } = await lan.start(words).result;
      expect(status).toBe(2);
      expect(stderr).toContain("one of these that runs: cplane");
    }
  });
});
