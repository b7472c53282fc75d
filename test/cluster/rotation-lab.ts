// The nodes of a cluster as folders with the files that kubeadm makes, for the very script that rotates them.
import { webcrypto } from "node:crypto";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  loadX509,
  makeClientCertificate,
  signCertificate,
} from "../../src/kubernetes/pki.ts";
import {
  adminAccess,
  adminKubeconfig,
  renderKubeconfig,
} from "../../src/kubernetes/render-kubeconfig.ts";
import type { CertificateAndKey } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { apiServerFiles } from "../../src/kubernetes/api-server.ts";
import { controlPlanePki } from "../../src/kubernetes/pki-files.ts";
import { loadClusterSecrets } from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import { runCli } from "../support/run-cli.ts";
import { tryTool } from "../../src/system/run/run-tool.ts";
import { expect } from "vitest";
import { clusterFolder, INVENTORY } from "./cluster-folder.ts";

const FAKES = fileURLToPath(new URL("rotation", import.meta.url));
const KUBERNETES = "etc/kubernetes";
const KUBELET_PEM = "var/lib/kubelet/pki/kubelet-client-current.pem";
/** What the kubelet serves with. */
export const SERVING_PEM = "var/lib/kubelet/pki/kubelet-server-current.pem";
const ONE_YEAR = { now: new Date(), days: 365 };

const MANIFESTS = {
  etcd: "    - etcd\n",
  "kube-apiserver":
    "    - kube-apiserver\n    - --secure-port=6443\n    - --encryption-provider-config=/etc/kubernetes/pki/pi-image/encryption.yaml\n",
  "kube-controller-manager":
    "    - kube-controller-manager\n    - --cluster-signing-cert-file=/etc/kubernetes/pki/ca.crt\n    - --cluster-signing-key-file=/etc/kubernetes/pki/ca.key\n",
  "kube-scheduler": "    - kube-scheduler\n",
};

const SMALL = INVENTORY.replace(/.*worker2.*\n/, "");

/** As kubeadm's for etcd and the API server: for servers and clients, with names. */
const serverCertificate = async (
  name: string,
  authority: CertificateAndKey,
): Promise<CertificateAndKey> => {
  const x509 = await loadX509();
  return signCertificate(
    [{ CN: [name] }],
    [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature |
          x509.KeyUsageFlags.keyEncipherment,
        true,
      ),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: "cplane" },
        { type: "ip", value: "127.0.0.1" },
      ]),
    ],
    authority,
    ONE_YEAR,
    webcrypto,
  );
};

const clientCertificate = (
  commonName: string,
  organization: string,
  authority: CertificateAndKey,
) =>
  makeClientCertificate(
    { commonName, organization },
    authority,
    ONE_YEAR,
    webcrypto,
  );

/** The certificates of a control plane and which authority signs them. */
export const LEAVES = [
  ["apiserver", "ca"],
  ["apiserver-kubelet-client", "ca"],
  ["apiserver-etcd-client", "etcd/ca"],
  ["front-proxy-client", "front-proxy-ca"],
  ["etcd/server", "etcd/ca"],
  ["etcd/peer", "etcd/ca"],
] as const;

export const CONFS = [
  "admin",
  "super-admin",
  "controller-manager",
  "scheduler",
];

export const rotationLab = async (inventory = SMALL) => {
  const cluster = await clusterFolder(new Date(), inventory);
  const { folder, project, secrets, secretsFile } = cluster;
  const lab = join(folder, "lab");
  const at = (node: string, path: string) => join(lab, "nodes", node, path);
  const write = (node: string, path: string, text: string) => {
    mkdirSync(dirname(at(node, path)), { recursive: true });
    writeFileSync(at(node, path), text, { mode: 0o600 });
  };
  const authorities = {
    ca: secrets.ca,
    "etcd/ca": secrets.etcdCa,
    "front-proxy-ca": secrets.frontProxyCa,
  };
  const conf = (client: CertificateAndKey): string =>
    renderKubeconfig({
      server: "https://cplane:6443",
      ca: secrets.ca.certificate,
      client,
      cluster: "homelab",
      user: "u",
      context: "c",
    }).reveal();

  for (const { name, role } of project.nodes) {
    const identity = await clientCertificate(
      `system:node:${name}`,
      "system:nodes",
      secrets.ca,
    );
    write(name, "container", "1\n");
    const serving = await serverCertificate(name, secrets.ca);
    write(name, SERVING_PEM, serving.certificate + serving.key.reveal());
    write(name, "lease", "1\n");
    write(name, `${KUBERNETES}/pki/ca.crt`, secrets.ca.certificate);
    write(
      name,
      "var/lib/kubelet/pki/first.pem",
      `${identity.certificate}${identity.key.reveal()}`,
    );
    symlinkSync("first.pem", at(name, KUBELET_PEM));
    write(
      name,
      `${KUBERNETES}/kubelet.conf`,
      conf(identity)
        .replace(
          /client-certificate-data: .*/,
          `client-certificate: /${KUBELET_PEM}`,
        )
        .replace(/client-key-data: .*/, `client-key: /${KUBELET_PEM}`),
    );
    if (role !== "control-plane") {
      continue;
    }
    for (const { path, content } of [
      ...controlPlanePki(secrets),
      ...apiServerFiles(project, secrets),
    ]) {
      write(name, `${KUBERNETES}/pki/${path}`, content.reveal());
    }
    for (const [leaf, signer] of LEAVES) {
      const { certificate, key } = await serverCertificate(
        leaf,
        authorities[signer],
      );
      write(name, `${KUBERNETES}/pki/${leaf}.crt`, certificate);
      write(name, `${KUBERNETES}/pki/${leaf}.key`, key.reveal());
    }
    for (const each of CONFS) {
      const client = await clientCertificate(
        each,
        "system:masters",
        secrets.ca,
      );
      write(name, `${KUBERNETES}/${each}.conf`, conf(client));
    }
    for (const [component, text] of Object.entries(MANIFESTS)) {
      write(name, `${KUBERNETES}/manifests/${component}.yaml`, text);
    }
  }
  writeFileSync(
    join(lab, "members"),
    project.nodes.map(({ name }) => `${name}\n`).join(""),
  );
  for (const name of ["calls", "kubectl", "pods"]) {
    writeFileSync(join(lab, name), "");
  }
  mkdirSync(join(lab, "off"));
  mkdirSync(join(folder, "out"));
  writeFileSync(
    join(folder, "out/kubeconfig"),
    adminKubeconfig(adminAccess(project, secrets)).reveal(),
  );
  const environment = {
    PATH: `${FAKES}:${process.env["PATH"] ?? ""}`,
    LAB: lab,
    FAKES,
    PLANE: join(lab, "nodes/cplane"),
  };
  return {
    ...cluster,
    lab,
    at,
    environment,
    read: (node: string, path: string) => readFileSync(at(node, path), "utf8"),
    calls: () => readFileSync(join(lab, "calls"), "utf8"),
    kept: async () => {
      const kept = await loadClusterSecrets(secretsFile, {});
      if (kept === undefined) {
        throw new Error("no secrets");
      }
      return kept.secrets;
    },
    pi: (...words: readonly string[]) =>
      runCli(["secrets", ...words], { cwd: folder, env: environment }),
  };
};

export type RotationLab = Awaited<ReturnType<typeof rotationLab>>;

/** The PEM text behind base64 data in a kubeconfig. */
export const embedded = (kubeconfig: string, key: string): string => {
  const [, data = ""] =
    new RegExp(`^ *${key}: *(\\S+)`, "m").exec(kubeconfig) ?? [];
  return Buffer.from(data, "base64").toString();
};

/** openssl finds each of them signed by one of the authorities. */
export const demandSigned = async (
  { folder }: RotationLab,
  certificates: readonly string[],
  authorities: string,
): Promise<void> => {
  const ca = join(folder, "judge.ca");
  writeFileSync(ca, authorities);
  const files = certificates.map((certificate, index) => {
    const file = join(folder, `judge-${index}.crt`);
    writeFileSync(file, certificate);
    return file;
  });
  const words = ["verify", "-x509_strict", "-CAfile", ca, ...files];
  const { status, stdout, stderr } = await tryTool("openssl", words);
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: "" });
};
