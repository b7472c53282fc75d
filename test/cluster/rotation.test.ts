// `secrets rotate --authority` on nodes that are folders: the real script, and openssl as the judge of every certificate.
import { createPrivateKey, X509Certificate } from "node:crypto";
import {
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { hiddenTexts } from "../kubernetes/hidden-texts.ts";
import { describeWithTools } from "../support/tools.ts";
import {
  CONFS,
  demandSigned,
  embedded,
  LEAVES,
  type RotationLab,
  rotationLab,
  SERVING_PEM,
} from "./rotation-lab.ts";

const PKI = "etc/kubernetes/pki";
const PEM = "var/lib/kubelet/pki/kubelet-client-current.pem";
const SIGNING = "--cluster-signing-cert-file=/etc/kubernetes/pki";

const count = (text: string): number =>
  text.split("-----BEGIN CERTIFICATE-----").length - 1;

/** What must be true at every moment, or the cluster does not work: each certificate is believed by those whom it meets. */
const demandWhole = async (lab: RotationLab): Promise<void> => {
  const { read } = lab;
  const nodes = ["cplane", "worker1"];
  const confs = [
    ...CONFS.map((name) => read("cplane", `etc/kubernetes/${name}.conf`)),
    ...nodes.map((node) => read(node, "etc/kubernetes/kubelet.conf")),
  ];
  const clients = [
    ...CONFS.map((_, index) =>
      embedded(confs[index] ?? "", "client-certificate-data"),
    ),
    ...nodes.map((node) => read(node, PEM)),
  ];
  for (const signer of ["ca", "etcd/ca", "front-proxy-ca"]) {
    const leaves = LEAVES.filter(([, by]) => by === signer).map(
      ([leaf]) => leaf,
    );
    for (const leaf of leaves) {
      const certificate = read("cplane", `${PKI}/${leaf}.crt`);
      const key = createPrivateKey(read("cplane", `${PKI}/${leaf}.key`));
      expect([
        leaf,
        new X509Certificate(certificate).checkPrivateKey(key),
      ]).toEqual([leaf, true]);
    }
    await demandSigned(
      lab,
      [
        ...leaves.map((leaf) => read("cplane", `${PKI}/${leaf}.crt`)),
        ...(signer === "ca" ? clients : []),
      ],
      read("cplane", `${PKI}/${signer}.crt`),
    );
  }
  for (const own of nodes.map((node) => read(node, PEM))) {
    expect(
      new X509Certificate(own).checkPrivateKey(createPrivateKey(own)),
    ).toBe(true);
  }
  for (const conf of confs.filter((one) => one.includes("client-key-data"))) {
    const certificate = embedded(conf, "client-certificate-data");
    const key = createPrivateKey(embedded(conf, "client-key-data"));
    expect(new X509Certificate(certificate).checkPrivateKey(key)).toBe(true);
  }
  const server = read("cplane", `${PKI}/apiserver.crt`);
  const believed = new Set(
    confs.map((conf) => embedded(conf, "certificate-authority-data")),
  );
  for (const ca of believed) {
    await demandSigned(lab, [server], ca);
  }
  // What the API server shows a kubelet.
  const kubeletClient = read("cplane", `${PKI}/apiserver-kubelet-client.crt`);
  await demandSigned(lab, [kubeletClient], read("worker1", `${PKI}/ca.crt`));
};

const demandNew = async (lab: RotationLab): Promise<void> => {
  const { read, secrets, kept } = lab;
  await demandWhole(lab);
  const now = await kept();
  expect(now.rotation).toBeUndefined();
  for (const [path, was, is] of [
    ["ca", secrets.ca, now.ca],
    ["front-proxy-ca", secrets.frontProxyCa, now.frontProxyCa],
    ["etcd/ca", secrets.etcdCa, now.etcdCa],
  ] as const) {
    expect(is.certificate).not.toBe(was.certificate);
    expect(read("cplane", `${PKI}/${path}.crt`)).toBe(is.certificate);
    expect(read("cplane", `${PKI}/${path}.key`)).toBe(is.key.reveal());
  }
  expect(read("cplane", `${PKI}/sa.pub`)).toBe(now.serviceAccount.publicKey);
  expect(read("cplane", `${PKI}/sa.key`)).toBe(now.serviceAccount.key.reveal());
  const encryption = read("cplane", `${PKI}/pi-image/encryption.yaml`);
  expect(encryption).toContain(now.encryptionKey?.reveal());
  expect(encryption).not.toContain(secrets.encryptionKey?.reveal());
  expect(read("worker1", `${PKI}/ca.crt`)).toBe(now.ca.certificate);
  // A kubelet asks for a certificate of the new authority where it finds none.
  for (const node of ["cplane", "worker1"]) {
    expect(existsSync(lab.at(node, SERVING_PEM))).toBe(false);
  }
  expect(
    read("cplane", "etc/kubernetes/manifests/kube-controller-manager.yaml"),
  ).toContain(`${SIGNING}/ca.crt\n`);
  expect(existsSync(lab.at("cplane", `${PKI}/pi-image/signing.crt`))).toBe(
    false,
  );
  expect(existsSync(lab.at("cplane", "run/pi-image-rotation"))).toBe(false);
  const config = readFileSync(join(lab.folder, "out/kubeconfig"), "utf8");
  expect(embedded(config, "certificate-authority-data")).toBe(
    now.ca.certificate,
  );
  expect(embedded(config, "client-certificate-data")).toBe(
    now.admin.certificate,
  );
};

describeWithTools(["openssl"], "secrets rotate --authority", () => {
  it("replaces every authority, and each of its steps is what the next one needs", async () => {
    const lab = await rotationLab();
    const { pi, read, secrets, calls, lab: folder } = lab;
    await demandWhole(lab);
    writeFileSync(join(folder, "judge"), "");
    // A kubelet gets a certificate of the old authority meanwhile, and must not be left with it.
    writeFileSync(join(folder, "straggler"), "");
    writeFileSync(join(folder, "pods"), "u1 shop/lonely nobody\n");
    const run = await pi("rotate", "--authority", "--yes");
    expect(run.stderr).toBe(
      [
        ...["trust", "issue", "retire"].flatMap((step) => [
          `${step}: cplane (1 of 2)`,
          `${step}: worker1 (2 of 2)`,
          ...(step === "issue"
            ? [
                "warning: these Secrets got a new token, and the old one ends with the last step: shop/robot",
                "hint: give it to whatever has a copy of the old one",
              ]
            : []),
          `warning: after the step ${step} these pods still run as they were started before it: shop/lonely`,
          "hint: those that use the API lose it in the next step, and trust the old authority until they start anew: kubectl -n NAMESPACE delete pod NAME, and make again what no controller makes",
          "Put the new access into out/kubeconfig.",
        ]),
        "",
      ].join("\n"),
    );
    expect(run.status).toBe(0);
    expect(calls().replaceAll(/^.* look\n/gm, "")).toBe(
      [
        "cplane members",
        ...["trust", "issue", "retire"].flatMap((step) => [
          "cplane turn control-plane cplane",
          "worker1 turn worker worker1",
          ...(step === "issue" ? ["worker1 turn worker worker1"] : []),
          `cplane settle ${step}`,
        ]),
        "",
      ].join("\n"),
    );
    await demandNew(lab);
    const asked = readFileSync(join(folder, "kubectl"), "utf8");
    expect(asked.match(/rollout restart Deployment\/till/g)).toHaveLength(3);
    expect(asked).toContain(
      "delete configmap extension-apiserver-authentication",
    );
    // A mode that somebody's monitoring relies on stays; keys are root's.
    expect(statSync(lab.at("cplane", `${PKI}/ca.key`)).mode & 0o777).toBe(
      0o600,
    );
    const told = `${run.stdout}${run.stderr}${asked}${calls()}`;
    for (const text of [
      ...hiddenTexts(secrets),
      ...hiddenTexts(await lab.kept()),
    ]) {
      expect(told).not.toContain(text);
    }
    expect(read("cplane", `${PKI}/ca.crt`)).not.toContain(
      secrets.ca.certificate,
    );
  });

  it("goes on after each cut, and the cluster is whole at each", async () => {
    const lab = await rotationLab();
    const { pi, lab: folder, kept, read, secrets } = lab;
    writeFileSync(join(folder, "cut"), "0\n");
    const seen: string[] = [];
    for (let runs = 0; runs < 20; runs += 1) {
      const { status, stderr } = await pi("rotate", "--authority", "--yes");
      await demandWhole(lab);
      const { rotation, ca } = await kept();
      if (status === 0) {
        break;
      }
      expect(stderr).toContain("error[AUTHORITY_NOT_ROTATED]: the step ");
      expect(stderr).toContain("client_loop: send disconnect: Broken pipe");
      const ours = read("cplane", `${PKI}/ca.crt`);
      expect(ca.certificate === secrets.ca.certificate).toBe(
        rotation?.step === "trust",
      );
      seen.push(`${rotation?.step} ${rotation?.done.join("+")} ${count(ours)}`);
    }
    expect(seen).toEqual([
      "trust  1",
      "trust cplane 2",
      "trust cplane+worker1 2",
      "issue  2",
      "issue cplane 2",
      "issue cplane+worker1 2",
      "retire  2",
      "retire cplane 1",
      "retire cplane+worker1 1",
    ]);
    await demandNew(lab);
  });

  it.each([
    [
      "a node is off",
      (lab: RotationLab) => writeFileSync(join(lab.lab, "off/worker1"), ""),
      "worker1: SSH cannot connect: ssh: connect to host worker1 port 22: No route to host",
    ],
    [
      "a node has not joined",
      (lab: RotationLab) =>
        rmSync(lab.at("worker1", "etc/kubernetes/kubelet.conf")),
      "worker1: it is not in the cluster yet",
    ],
    [
      "a node is another cluster's",
      (lab: RotationLab) =>
        writeFileSync(
          lab.at("worker1", `${PKI}/ca.crt`),
          lab.secrets.etcdCa.certificate,
        ),
      "worker1: its /etc/kubernetes/pki/ca.crt is not the cluster CA of the secrets file",
    ],
    [
      "a control plane signs in another way",
      (lab: RotationLab) =>
        writeFileSync(
          lab.at(
            "cplane",
            "etc/kubernetes/manifests/kube-controller-manager.yaml",
          ),
          "",
        ),
      "cplane: its /etc/kubernetes/manifests/kube-controller-manager.yaml does not have --cluster-signing-cert-file once",
    ],
    [
      "the inventory lacks a node",
      (lab: RotationLab) =>
        writeFileSync(join(lab.lab, "members"), "cplane\nworker1\nworker9\n"),
      "worker9",
    ],
  ])("changes nothing when %s", async (_title, spoil, why) => {
    const lab = await rotationLab();
    spoil(lab);
    const before = readFileSync(lab.secretsFile, "utf8");
    const { status, stderr } = await lab.pi("rotate", "--authority", "--yes");
    expect(stderr).toContain("error[AUTHORITY_NOT_ROTATED]: ");
    expect(stderr).toContain(`\n  ${why}\nstate: nothing was changed\n`);
    expect(status).toBe(1);
    expect(lab.calls()).not.toContain("turn");
    expect(readFileSync(lab.secretsFile, "utf8")).toBe(before);
  });
});
