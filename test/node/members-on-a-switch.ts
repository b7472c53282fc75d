// Control planes of which only etcd is real, each a network namespace with an address on one switch, as kubeadm starts it there.
import {
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { wholeNodeScript } from "../../src/cluster/over-ssh/run-node-script.ts";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { until } from "../boot/support/until.ts";
import { emptyFolder } from "../cluster/cluster-folder.ts";
import type { Answer } from "./etcd-lab.ts";
import {
  must,
  type SwitchedMachines,
  switchedMachines,
} from "./switched-machines.ts";

/** Answers for the API server, whose ConfigMap the script edits. */
const KUBECTL = `#!/bin/bash
set -eu
case "$*" in
  *" get configmap kubeadm-config "*) printf 'apiServer:\\n  certSANs:\\n  - old\\nkind: ClusterConfiguration\\n' ;;
  *" patch configmap kubeadm-config "*) cp "\${!#}" "$PI_IMAGE_ROOT/kubeadm-config" ;;
  *) exit 1 ;;
esac
`;

/** With the functions of lib.sh that it needs. */
const TELL = `
  set -Eeuo pipefail
  root=$PI_IMAGE_ROOT state=$PI_IMAGE_ROOT/var/lib/pi-image scratch=$PI_IMAGE_ROOT/run PI_IMAGE_CONTROL_PLANES='a=1 b=2'
  bracketed() { echo "$1"; }
  other_names() { echo "a (1) and b (2)"; }
  logged() { shift; "$@" >"$scratch/log" 2>&1; }
  remark() { echo "$2"; }
  forget_note() { :; }
  . "$1"
  tell_etcd`;

const OWN_ADDRESS = packageFile(
  "cloud-init/files/usr/local/lib/pi-image/own-address.sh",
);

type Said = { readonly status: number | null; readonly said: string };

export type Members = Pick<SwitchedMachines, "cut" | "strangersTake"> & {
  /** Gives the node an address in place of the one that it has, with a certificate as kubeadm makes it. */
  readonly give: (name: string, address: string) => void;
  readonly start: (name: string) => void;
  /** The state of all, to begin from again. */
  readonly keep: () => void;
  readonly putBack: () => void;
  readonly ask: (name: string, path: string, body?: unknown) => Answer;
  /** Until the member reads what a majority knows. */
  readonly healthy: (name: string) => Promise<void>;
  readonly write: (name: string, value: string) => void;
  readonly read: (name: string) => string;
  /** `NAME URL...` of each member, as this one knows them. */
  readonly members: (name: string) => readonly string[];
  /** The script that comes over SSH. */
  readonly renumber: (name: string, ...words: readonly string[]) => Said;
  /** What the endpoint's timer does on a node that has followed its address. */
  readonly tell: (name: string, address: string) => Said;
  readonly file: (name: string, path: string) => string;
};

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** @param addresses of the nodes when they begin, under their names */
export const membersOnASwitch = async (
  program: string,
  { etcdCa }: ClusterSecrets,
  addresses: Readonly<Record<string, string>>,
): Promise<Members> => {
  const folder = emptyFolder();
  const names = Object.keys(addresses);
  const machines = switchedMachines(names);
  const has = new Map<string, string>();
  const root = (name: string) => join(folder, name);
  const data = (name: string) => join(root(name), "etcd");
  const log = (name: string) => join(folder, `${name}.log`);
  const inSpace = (name: string, words: readonly string[], input = "") =>
    machines.run(name, words, input, {
      PATH: `${folder}/bin:${process.env["PATH"] ?? ""}`,
      PI_IMAGE_ROOT: root(name),
      PI_IMAGE_PATIENCE: "10",
    });
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin/kubectl"), KUBECTL, { mode: 0o755 });
  writeFileSync(join(folder, "ca.crt"), etcdCa.certificate);
  writeFileSync(join(folder, "ca.key"), etcdCa.key.reveal());

  /** As kubeadm's certificate for peers and servers. */
  const certify = (place: string, subject: string, alternatives: string) => {
    const settings = join(folder, "settings");
    writeFileSync(
      settings,
      `[req]\ndistinguished_name = name\nprompt = no\nx509_extensions = all\n[name]\nCN = ${subject}\n[all]\nextendedKeyUsage = serverAuth,clientAuth\n${alternatives}`,
    );
    must(
      "openssl",
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(
        " ",
      ),
      "-config",
      settings,
      "-CA",
      join(folder, "ca.crt"),
      "-CAkey",
      join(folder, "ca.key"),
      "-keyout",
      `${place}.key`,
      "-out",
      `${place}.crt`,
    );
  };
  const give: Members["give"] = (name, address) => {
    machines.give(name, address);
    certify(
      join(root(name), "etc/kubernetes/pki/etcd/peer"),
      name,
      `subjectAltName = DNS:${name},DNS:localhost,IP:${address},IP:127.0.0.1\n`,
    );
    has.set(name, address);
  };
  const start: Members["start"] = (name) => {
    const address = has.get(name) ?? "";
    const pki = join(root(name), "etc/kubernetes/pki/etcd");
    const args = {
      name,
      "data-dir": data(name),
      "listen-client-urls": `https://127.0.0.1:2379,https://${address}:2379`,
      "advertise-client-urls": `https://${address}:2379`,
      "listen-peer-urls": `https://${address}:2380`,
      "initial-advertise-peer-urls": `https://${address}:2380`,
      // Of the others as they were, like kubeadm's: etcd reads it when it has no data.
      "initial-cluster": names
        .map(
          (one) =>
            `${one}=https://${one === name ? address : (addresses[one] ?? "")}:2380`,
        )
        .join(","),
      "client-cert-auth": "true",
      "trusted-ca-file": join(pki, "ca.crt"),
      "cert-file": join(pki, "peer.crt"),
      "key-file": join(pki, "peer.key"),
      "peer-client-cert-auth": "true",
      "peer-trusted-ca-file": join(pki, "ca.crt"),
      "peer-cert-file": join(pki, "peer.crt"),
      "peer-key-file": join(pki, "peer.key"),
    };
    machines.start(
      name,
      [
        program,
        ...Object.entries(args).map(([key, value]) => `--${key}=${value}`),
      ],
      log(name),
    );
  };
  for (const name of names) {
    const pki = join(root(name), "etc/kubernetes/pki/etcd");
    mkdirSync(pki, { recursive: true });
    for (const place of [
      "etc/kubernetes/manifests",
      "var/lib/pi-image",
      "run",
      "usr/local/lib/pi-image",
    ]) {
      mkdirSync(join(root(name), place), { recursive: true });
    }
    writeFileSync(join(pki, "ca.crt"), etcdCa.certificate);
    certify(
      join(pki, "healthcheck-client"),
      "kube-etcd-healthcheck-client",
      "",
    );
    writeFileSync(join(root(name), "etc/kubernetes/admin.conf"), "");
    writeFileSync(
      join(root(name), "etc/kubernetes/manifests/kube-apiserver.yaml"),
      "    - --secure-port=6443\n",
    );
    writeFileSync(
      join(root(name), "etc/kubernetes/manifests/etcd.yaml"),
      "    - --listen-client-urls=https://127.0.0.1:2379,https://10.0.0.1:2379\n",
    );
    cpSync(
      OWN_ADDRESS,
      join(root(name), "usr/local/lib/pi-image/own-address.sh"),
    );
    give(name, addresses[name] ?? "");
  }
  const ask: Members["ask"] = (name, path, body = {}) => {
    const pki = join(root(name), "etc/kubernetes/pki/etcd");
    const { stdout } = inSpace(name, [
      ..."curl --silent --max-time 20".split(" "),
      "--cacert",
      join(pki, "ca.crt"),
      "--cert",
      join(pki, "healthcheck-client.crt"),
      "--key",
      join(pki, "healthcheck-client.key"),
      "--data",
      JSON.stringify(body),
      `https://127.0.0.1:2379/v3/${path}`,
    ]);
    return (
      stdout === "" ? { error: "no answer" } : JSON.parse(stdout)
    ) as Answer;
  };
  const script = await wholeNodeScript("renumber");
  return {
    strangersTake: machines.strangersTake,
    cut: machines.cut,
    give,
    start,
    keep: () => {
      for (const name of names) {
        cpSync(data(name), `${data(name)}.kept`, { recursive: true });
      }
    },
    putBack: () => {
      for (const name of names) {
        rmSync(data(name), { recursive: true, force: true });
        cpSync(`${data(name)}.kept`, data(name), { recursive: true });
      }
    },
    ask,
    healthy: async (name) => {
      await until(
        `etcd on ${name} to read by a majority`,
        () =>
          ask(name, "kv/range", { key: base64("x") }).error === undefined
            ? true
            : undefined,
        {
          seconds: 60,
          where: () => readFileSync(log(name), "utf8").slice(-4000),
        },
      );
    },
    write: (name, value) => {
      const { error } = ask(name, "kv/put", {
        key: base64("x"),
        value: base64(value),
      });
      if (error !== undefined) {
        throw new Error(error);
      }
    },
    read: (name) => {
      const { kvs } = ask(name, "kv/range", { key: base64("x") }) as {
        readonly kvs?: readonly { readonly value: string }[];
      };
      return Buffer.from(kvs?.[0]?.value ?? "", "base64").toString();
    },
    members: (name) =>
      (ask(name, "cluster/member/list").members ?? [])
        .map((one) =>
          [
            one.name ?? "",
            ...one.peerURLs.map((url) => url.replace(/^https:..|:2380$/g, "")),
          ].join(" "),
        )
        .toSorted(),
    renumber: (name, ...words) => {
      const { status, stderr } = inSpace(
        name,
        ["bash", "-s", ...words],
        `${script}apiServer:\n  certSANs:\n    - new\nkind: x\n`,
      );
      return { status, said: stderr.trim().split("\n").at(-1) ?? "" };
    },
    tell: (name, address) => {
      writeFileSync(
        join(root(name), "var/lib/pi-image/peer-address"),
        `${address}\n`,
      );
      const { status, stdout } = inSpace(name, [
        "bash",
        "-c",
        TELL,
        "bash",
        OWN_ADDRESS,
      ]);
      return { status, said: stdout.trim() };
    },
    file: (name, path) => readFileSync(join(root(name), path), "utf8"),
  };
};
