// A control plane renews its certificates before they end: openssl judges what is in place, wherever the power is cut. With PI_IMAGE_KUBEADM
// the real kubeadm renews them.
import { spawnSync } from "node:child_process";
import { webcrypto } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { controlPlanePki } from "../../src/kubernetes/pki-files.ts";
import { makeClientCertificate } from "../../src/kubernetes/pki.ts";
import { renderKubeconfig } from "../../src/kubernetes/render-kubeconfig.ts";
import type {
  CertificateAndKey,
  ClusterSecrets,
} from "../../src/kubernetes/secrets/cluster-secrets.ts";
import {
  controlPlane,
  sampleNode,
  sampleProject,
} from "../seed/sample-project.ts";
import {
  calls,
  type Circumstances,
  describeNode,
  layNode,
  leftToDo,
  restart,
  runOnNode,
  status,
} from "./fake-node.ts";
import { lastingSecrets } from "./join-identities.ts";

const DAY = 86_400;
/** 2026-11-20T10:00:00Z. */
const START = 1_795_168_800;
const KUBERNETES = "etc/kubernetes";
const KUBEADM = process.env["PI_IMAGE_KUBEADM"];

const LEAVES = [
  ["pki/apiserver", "ca"],
  ["pki/apiserver-kubelet-client", "ca"],
  ["pki/apiserver-etcd-client", "etcd/ca"],
  ["pki/front-proxy-client", "front-proxy-ca"],
  ["pki/etcd/server", "etcd/ca"],
  ["pki/etcd/peer", "etcd/ca"],
  ["pki/etcd/healthcheck-client", "etcd/ca"],
] as const;
const CONFS = ["admin", "super-admin", "controller-manager", "scheduler"];
const PODS = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
];

const authorityOf = (
  secrets: ClusterSecrets,
  name: (typeof LEAVES)[number][1],
): CertificateAndKey =>
  name === "ca"
    ? secrets.ca
    : name === "etcd/ca"
      ? secrets.etcdCa
      : secrets.frontProxyCa;

const makeLeaves = async (
  secrets: ClusterSecrets,
  days: number,
  start: number,
): Promise<ReadonlyMap<string, string>> => {
  const now = new Date((start + (days - 365) * DAY) * 1000);
  const make = (name: string, authority: CertificateAndKey) =>
    makeClientCertificate(
      { commonName: name, organization: "system:masters" },
      authority,
      { now, days: 365 },
      webcrypto,
    );
  const files = new Map<string, string>();
  for (const [name, signer] of LEAVES) {
    const made = await make(name, authorityOf(secrets, signer));
    files.set(`${name}.crt`, made.certificate);
    files.set(`${name}.key`, made.key.reveal());
  }
  for (const name of CONFS) {
    files.set(
      `${name}.conf`,
      renderKubeconfig({
        server: "https://cplane:6443",
        ca: secrets.ca.certificate,
        client: await make(name, secrets.ca),
        cluster: "homelab",
        user: name,
        context: name,
      }).reveal(),
    );
  }
  return files;
};

const known = new Map<string, ReturnType<typeof makeLeaves>>();

/** What kubeadm made of it, ending so many days after `start`. */
const leaves = (
  secrets: ClusterSecrets,
  days: number,
  start = START,
): ReturnType<typeof makeLeaves> => {
  const key = `${days} ${start}`;
  const made = known.get(key) ?? makeLeaves(secrets, days, start);
  known.set(key, made);
  return made;
};

const put = (root: string, path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text, { mode: 0o600 });
};

const STATUS =
  '{"schemaVersion":1,"node":"cplane","cluster":"homelab","phase":"done","state":"done"}\n';

/** A control plane whose certificates end in so many days. */
const plane = async (days: number, is: Partial<Circumstances> = {}) => {
  const secrets = await lastingSecrets();
  const root = await layNode({
    project: sampleProject,
    node: controlPlane,
    ...is,
    files: {
      ...leftToDo(),
      "var/lib/pi-image/kubeadm-done": "",
      "var/lib/pi-image/status.json": STATUS,
      "etc/resolv.conf": "nameserver 127.0.0.53\n",
      ...Object.fromEntries(
        PODS.map((name) => [`${KUBERNETES}/manifests/${name}.yaml`, name]),
      ),
      ...is.files,
    },
    world: { clock: `${START}\n`, ...is.world },
  });
  for (const { path, content } of controlPlanePki(secrets)) {
    put(root, `${KUBERNETES}/pki/${path}`, content.reveal());
  }
  for (const [path, text] of await leaves(secrets, days)) {
    put(root, `${KUBERNETES}/${path}`, text);
  }
  for (const [path, text] of await leaves(secrets, 365)) {
    put(root, `world/renewed/${path}`, text);
  }
  return { root, secrets };
};

const run = (root: string) =>
  runOnNode(root, "usr/local/lib/pi-image/certificates");

const endOf = (root: string, name: string): number => {
  const text = readFileSync(join(root, KUBERNETES, name), "utf8");
  const pem = name.endsWith(".conf")
    ? Buffer.from(
        /client-certificate-data: "?([A-Za-z0-9+/=]+)/.exec(text)?.[1] ?? "",
        "base64",
      )
    : text;
  const { stdout } = spawnSync("openssl", ["x509", "-noout", "-enddate"], {
    input: pem,
    encoding: "utf8",
  });
  return Date.parse(stdout.trim().replace("notAfter=", "")) / 1000;
};

/** In days from the start; every file once. */
const endsIn = (root: string, start = START): readonly number[] => [
  ...new Set(
    [
      ...LEAVES.map(([name]) => `${name}.crt`),
      ...CONFS.map((name) => `${name}.conf`),
    ].map((name) => Math.round((endOf(root, name) - start) / DAY)),
  ),
];

/** Names of certificates whose key is another one's; a server with such a pair does not start. */
const misfits = (root: string): readonly string[] =>
  LEAVES.map(([name]) => name).filter((name) => {
    const read = (...words: readonly string[]) =>
      spawnSync("openssl", words, { encoding: "utf8" }).stdout;
    const file = join(root, KUBERNETES, name);
    return (
      read("x509", "-in", `${file}.crt`, "-noout", "-pubkey") !==
      read("pkey", "-in", `${file}.key`, "-pubout")
    );
  });

const note = (root: string): unknown =>
  (status(root)["notes"] as Record<string, unknown> | undefined)?.[
    "certificates"
  ];

const restarted = (root: string): readonly string[] =>
  calls(root, "crictl")
    .filter((line) => line.startsWith("crictl stop"))
    .map((line) => line.replace(/.* (\S+)-run-.*/, "$1"));

describeNode("the certificates of a control plane", () => {
  it("stay while they last, and their end is told", async () => {
    const { root } = await plane(91);
    expect((await run(root)).code).toBe(0);
    expect(endsIn(root)).toEqual([91]);
    expect(restarted(root)).toEqual([]);
    expect(note(root)).toBe(
      "The certificates of this node last until 2027-02-19 and renew by themselves.",
    );
    // A second look writes nothing.
    const before = statSync(join(root, "var/lib/pi-image/status.json"));
    expect((await run(root)).code).toBe(0);
    expect(statSync(join(root, "var/lib/pi-image/status.json")).ino).toBe(
      before.ino,
    );
  });

  it("are new where the API server is on its way at first", async () => {
    const { root } = await plane(89, {
      plans: { "kubectl-readyz": ["fail", "fail", "fail"] },
    });
    const { code, output } = await run(root);
    expect(code, output).toBe(0);
    expect(endsIn(root)).toEqual([365]);
    const [first] = calls(root, "kubectl").filter((line) =>
      line.includes("get --raw /readyz"),
    );
    expect(first).toBeDefined();
    expect(
      calls(root, "kubectl").findIndex((line) => line.includes("create")),
    ).toBeGreaterThan(3);
  });

  it("are made anew where those that were to be laid have ended meanwhile", async () => {
    const { root, secrets } = await plane(-400);
    const fresh = `${KUBERNETES}/.renewed`;
    put(root, `${fresh}/whole`, "");
    for (const [path, text] of await leaves(secrets, -35)) {
      put(root, `${fresh}/etc/kubernetes/${path}`, text);
    }
    const { code, output } = await run(root);
    expect(code, output).toBe(0);
    expect(endsIn(root)).toEqual([365]);
    expect(misfits(root)).toEqual([]);
    expect(existsSync(join(root, fresh))).toBe(false);
  });

  it("are looked at again where the date is learned in the middle", async () => {
    const { root } = await plane(91, {
      plans: { "date-file": ["run"] },
      says: { "date-file": `echo ${START + 60 * DAY} >world/clock` },
    });
    const { code, output } = await run(root);
    expect(code, output).toBe(0);
    expect(endsIn(root)).toEqual([365]);
    expect(restarted(root)).toEqual(PODS);
  });

  it.each([89, -35])(
    "are new, and every static pod takes them, where they end in %i days",
    async (days) => {
      const { root } = await plane(days);
      const { code, output } = await run(root);
      expect(code, output).toBe(0);
      expect(endsIn(root)).toEqual([365]);
      expect(misfits(root)).toEqual([]);
      expect(restarted(root)).toEqual(PODS);
      expect(note(root)).toContain("last until 2027-11-20");
      expect(existsSync(join(root, KUBERNETES, ".renewed"))).toBe(false);
      expect(existsSync(join(root, "world/turn"))).toBe(false);
      for (const name of ["pki/apiserver.key", "admin.conf"]) {
        expect(statSync(join(root, KUBERNETES, name)).mode & 0o077).toBe(0);
      }
    },
  );

  // In kubeadm, while its copy is written, in the middle of laying, and near its end.
  it.each([
    ["kubeadm-renew-after", 0],
    ["sync", 3],
    ["sync", 0],
    ["sync", 12],
    ["sync", 18],
  ])("end whole where the power is cut: %s %i", async (tool, before) => {
    const { root } = await plane(20, {
      plans: { [tool]: [...Array<string>(before).fill("ok"), "cut"] },
    });
    expect((await run(root)).code).toBeNull();
    rmSync(join(root, "world/plans", tool));
    restart(root);
    const { code, output } = await run(root);
    expect(code, output).toBe(0);
    expect(misfits(root)).toEqual([]);
    expect(endsIn(root)).toEqual([365]);
    expect(existsSync(join(root, KUBERNETES, ".renewed"))).toBe(false);
    expect(existsSync(join(root, "world/turn"))).toBe(false);
  });

  it("are laid again where a static pod did not start before the power was cut", async () => {
    const { root } = await plane(20, {
      plans: { "crictl-stop": ["ok", "cut"] },
    });
    expect((await run(root)).code).toBeNull();
    restart(root);
    expect((await run(root)).code).toBe(0);
    expect(endsIn(root)).toEqual([365]);
    expect(restarted(root).slice(-PODS.length)).toEqual(PODS);
  });

  it.each([
    [
      "kubeadm fails",
      {
        plans: { "kubeadm-renew": ["fail"] },
        says: { "kubeadm-renew": "error: no space left on device" },
      },
      "the root partition is full",
    ],
    [
      "kubeadm renews nothing",
      {
        plans: { "kubeadm-renew": ["run"] },
        says: { "kubeadm-renew": "rm -rf world/renewed" },
      },
      "kubeadm did not renew pki/apiserver.crt",
    ],
    [
      "a certificate has another's key",
      {
        plans: { "kubeadm-renew": ["run"] },
        says: {
          "kubeadm-renew":
            "cp world/renewed/pki/etcd/server.key world/renewed/pki/etcd/peer.key",
        },
      },
      "kubeadm did not renew pki/etcd/peer.crt",
    ],
    [
      "a certificate is of another authority",
      {
        plans: { "kubeadm-renew": ["run"] },
        says: {
          "kubeadm-renew":
            "cp world/renewed/pki/etcd/server.key world/renewed/pki/apiserver.key; cp world/renewed/pki/etcd/server.crt world/renewed/pki/apiserver.crt",
        },
      },
      "kubeadm did not renew pki/apiserver.crt",
    ],
  ] as const)(
    "stay as they are where %s, which is told",
    async (_case, is, because) => {
      const { root } = await plane(20, is);
      expect((await run(root)).code).toBe(1);
      expect(endsIn(root)).toEqual([20]);
      expect(misfits(root)).toEqual([]);
      expect(restarted(root)).toEqual([]);
      expect(String(note(root)).toLowerCase()).toContain(because.toLowerCase());
      expect(note(root)).toContain("It is tried again every ten minutes.");
    },
  );

  it("wait while another control plane has its turn, and do not while it is late", async () => {
    const turn = "cplane2 2026-11-20T09:59:00.000000Z";
    const { root } = await plane(20, { world: { turn } });
    expect((await run(root)).output).toContain(
      "cplane2 joins the cluster or renews its certificates at the moment",
    );
    expect(endsIn(root)).toEqual([20]);
    const late = await plane(6, { world: { turn } });
    expect((await run(late.root)).code).toBe(0);
    expect(endsIn(late.root)).toEqual([365]);
    expect(readFileSync(join(late.root, "world/turn"), "utf8").trim()).toBe(
      turn,
    );
  });

  it("stay while the authorities are being replaced", async () => {
    const { root, secrets } = await plane(20);
    put(
      root,
      `${KUBERNETES}/pki/ca.crt`,
      secrets.ca.certificate + secrets.etcdCa.certificate,
    );
    expect((await run(root)).output).toContain("being replaced");
    expect(endsIn(root)).toEqual([20]);
  });

  it("bring a kubelet back whose own has ended", async () => {
    const { root, secrets } = await plane(-35);
    const old = await makeClientCertificate(
      { commonName: "system:node:cplane", organization: "system:nodes" },
      secrets.ca,
      { now: new Date((START - 400 * DAY) * 1000), days: 365 },
      webcrypto,
    );
    const folder = "var/lib/kubelet/pki";
    put(root, `${folder}/old.pem`, old.certificate + old.key.reveal());
    const current = join(root, folder, "kubelet-client-current.pem");
    symlinkSync("old.pem", current);
    // openssl makes it by the clock of this machine.
    writeFileSync(
      join(root, "world/clock"),
      `${Math.floor(Date.now() / 1000)}\n`,
    );
    const renewed = await leaves(secrets, 365, Math.floor(Date.now() / 1000));
    for (const [path, text] of renewed) {
      put(root, `world/renewed/${path}`, text);
    }
    const { code, output } = await run(root);
    expect(code, output).toBe(0);
    const { stdout } = spawnSync(
      "openssl",
      ["x509", "-in", current, "-noout", "-subject", "-nameopt", "RFC2253"],
      { encoding: "utf8" },
    );
    expect(stdout.trim()).toBe("subject=CN=system:node:cplane,O=system:nodes");
    writeFileSync(join(root, "ca.crt"), secrets.ca.certificate);
    const judged = spawnSync(
      "openssl",
      ["verify", "-CAfile", join(root, "ca.crt"), current],
      { encoding: "utf8" },
    );
    expect(judged.status, judged.stderr).toBe(0);
    expect(readFileSync(current, "utf8")).toContain("PRIVATE KEY");
    expect(calls(root, "systemctl")).toContain(
      "systemctl restart kubelet.service",
    );
  });
});

describeNode("the certificate of a worker", () => {
  const worker = async (days: number): Promise<string> => {
    const secrets = await lastingSecrets();
    const root = await layNode({
      project: sampleProject,
      node: sampleNode,
      files: {
        ...leftToDo(),
        "var/lib/pi-image/kubeadm-done": "",
        "var/lib/pi-image/status.json": STATUS,
      },
      world: { clock: `${START}\n` },
    });
    const own = await makeClientCertificate(
      { commonName: "system:node:worker1", organization: "system:nodes" },
      secrets.ca,
      { now: new Date((START + (days - 365) * DAY) * 1000), days: 365 },
      webcrypto,
    );
    put(
      root,
      "var/lib/kubelet/pki/kubelet-client-current.pem",
      own.certificate + own.key.reveal(),
    );
    return root;
  };

  it.each([
    [
      200,
      "The certificates of this node last until 2027-06-08 and renew by themselves.",
    ],
    [
      -3,
      "The certificate of this node ended on 2026-11-17: flash its card anew.",
    ],
  ])("is told: %i days", async (days, text) => {
    const root = await worker(days);
    expect((await run(root)).code).toBe(0);
    expect(note(root)).toBe(text);
    expect(calls(root, "kubeadm")).toEqual([]);
  });

  // The kubelet, which renews it before that, has slept through the moment: the date came after its start.
  it.each([
    [80, 0],
    [30, 1],
    [-3, 0],
  ])(
    "with %i of its 365 days left has the kubelet started %i times, once a boot at most",
    async (days, times) => {
      const root = await worker(days);
      await run(root);
      await run(root);
      expect(
        calls(root, "systemctl").filter((line) =>
          line.startsWith("systemctl restart kubelet"),
        ),
      ).toHaveLength(times);
    },
  );
});

describeNode("400 days after", () => {
  it.skipIf(KUBEADM === undefined)(
    "the real kubeadm renews what has ended (needs PI_IMAGE_KUBEADM)",
    async () => {
      const { root, secrets } = await plane(365);
      const now = Math.floor(Date.now() / 1000);
      for (const [path, text] of await leaves(secrets, -35, now)) {
        put(root, `${KUBERNETES}/${path}`, text);
      }
      writeFileSync(join(root, "world/clock"), `${now}\n`);
      rmSync(join(root, "bin/kubeadm"));
      symlinkSync(KUBEADM ?? "", join(root, "bin/kubeadm"));
      const { code, output } = await run(root);
      expect(code, output).toBe(0);
      expect(endsIn(root, now)).toEqual([365]);
      expect(misfits(root)).toEqual([]);
      expect(restarted(root)).toEqual(PODS);
    },
  );
});
