// Real Kubernetes goes through a rotation of all its authorities, as the command does it, and a thief tries each moment of it.
import { webcrypto } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeClientCertificate } from "../../src/kubernetes/pki.ts";
import {
  adminAccess,
  adminKubeconfig,
  joinKubeconfig,
} from "../../src/kubernetes/render-kubeconfig.ts";
import type {
  CertificateAndKey,
  ClusterSecrets,
} from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { loadClusterSecrets } from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import { keepSecrets } from "../../src/kubernetes/secrets/store-secrets.ts";
import { INVENTORY, loadHomelab } from "../cluster/cluster-folder.ts";
import { runCli } from "../support/run-cli.ts";
import { nodeOf } from "./project.ts";
import {
  type ControlPlane,
  describeWithControlPlane,
  startControlPlane,
} from "./real-control-plane.ts";

const MINUTES = 60_000;
const STAND_INS = fileURLToPath(new URL("static-pods", import.meta.url));

const HOME = INVENTORY.replaceAll("192.168.77.", "192.168.1.").replace(
  /.*worker2.*\n/,
  "",
);

/** Runs what it is told inside, and notes what a thief gets afterwards. */
const SSH = (enter: readonly string[], folder: string) => `#!/bin/bash
node=$5
root=
[[ $node == cplane ]] || root=/run/$node
inside() { ${enter.map((word) => `'${word}'`).join(" ")} env NODE="$node" PI_IMAGE_ROOT="$root" PI_IMAGE_PATIENCE=120 bash -c 'PATH=${STAND_INS}:$PATH; exec "$@"' bash "$@"; }
inside "\${@:8}"
status=$?
if [[ -e ${folder}/cut && $(grep -c "turn worker" ${folder}/calls) == 1 && "$*" == *"turn worker"* ]]; then
  rm ${folder}/cut
  status=255
fi
echo "$node \${*:10} $status" >>${folder}/calls
thief=$(inside curl --silent --insecure --max-time 5 --output /dev/null --write-out '%{http_code}' --cert ${folder}/thief.crt --key ${folder}/thief.key https://cplane:6443/api/v1/secrets)
echo "\${*:10:2} $thief" >>${folder}/thief
exit $status
`;

describeWithControlPlane("a rotation of real Kubernetes", () => {
  let folder = "";
  let plane: ControlPlane;
  let stop: (() => void) | undefined;
  let old: ClusterSecrets;
  const file = () => join(folder, "homelab.secrets.yaml");

  const asBearer = async (token: string): Promise<number> =>
    (
      await plane.get(
        "/api/v1/namespaces/default",
        "--insecure",
        "--header",
        `Authorization: Bearer ${token}`,
      )
    ).status;

  const asClient = async ({
    certificate,
    key,
  }: CertificateAndKey): Promise<number> => {
    await plane.write("/run/client.crt", certificate);
    await plane.write("/run/client.key", key.reveal());
    const { status } = await plane.get(
      "/api/v1/secrets",
      "--cert",
      "/run/client.crt",
      "--key",
      "/run/client.key",
    );
    return status;
  };

  const apply = async (...objects: readonly object[]) => {
    for (const object of objects) {
      await plane.write("/run/object.json", JSON.stringify(object));
      await plane.demand(
        "kubectl",
        "--kubeconfig=/etc/kubernetes/super-admin.conf",
        "create",
        "-f",
        "/run/object.json",
      );
    }
  };

  const ofSecret = async (key: string): Promise<string> => {
    const { stdout } = await plane.kubectl(
      "get",
      "secret",
      "robot",
      "-o",
      `jsonpath={.data.${key}}`,
    );
    return Buffer.from(stdout, "base64").toString();
  };

  const layWorker = async () => {
    const project = await loadHomelab(folder);
    const conf = joinKubeconfig(project, nodeOf(project, "worker1"), old);
    const root = "/run/worker1";
    const pem = "/var/lib/kubelet/pki/kubelet-client-current.pem";
    const identity = old.nodes["worker1"]?.joinIdentity;
    await plane.write(
      `${root}/etc/kubernetes/kubelet.conf`,
      conf
        .reveal()
        .replace(
          /client-certificate-data: .*/,
          `client-certificate: ${root}${pem}`,
        )
        .replace(/client-key-data: .*/, `client-key: ${root}${pem}`),
    );
    await plane.write(`${root}/etc/kubernetes/pki/ca.crt`, old.ca.certificate);
    await plane.write(
      `${root}/var/lib/kubelet/pki/first.pem`,
      `${identity?.certificate}${identity?.key.reveal()}`,
    );
    await plane.demand("ln", "-s", "first.pem", `${root}${pem}`);
  };

  const layKubelet = async () => {
    await plane.demand(
      "bash",
      "-c",
      `umask 077; mkdir -p /var/lib/kubelet/pki; cd /var/lib/kubelet/pki
      for kind in certificate key; do sed -nE "s/ *client-$kind-data: //p" /etc/kubernetes/kubelet.conf | base64 -d; done >first.pem
      ln -s first.pem kubelet-client-current.pem`,
    );
    await plane.demand(
      "kubeadm",
      "init",
      "phase",
      "kubelet-finalize",
      "enable-client-cert-rotation",
      "--config=/etc/pi-image/kubeadm.yaml",
    );
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "pi-image-rotation-"));
    writeFileSync(join(folder, "cluster.yaml"), HOME);
    const project = await loadHomelab(folder);
    ({ secrets: old } = await keepSecrets(file(), project, {
      now: new Date(),
      crypto: webcrypto,
    }));
    const inside = join(folder, "inside");
    mkdirSync(inside);
    plane = await startControlPlane(inside, project, old);
    ({ stop } = plane);
    for (const phase of [["upload-config", "all"], ["bootstrap-token"]]) {
      await plane.demand(
        "kubeadm",
        "init",
        "phase",
        ...phase,
        "--config=/etc/pi-image/kubeadm.yaml",
      );
    }
    await plane.start("kube-controller-manager");
    await plane.start("kube-scheduler");
    await layKubelet();
    await layWorker();
    const ready = { conditions: [{ type: "Ready", status: "True" }] };
    for (const name of ["cplane", "worker1"]) {
      await apply(
        { apiVersion: "v1", kind: "Node", metadata: { name } },
        {
          apiVersion: "coordination.k8s.io/v1",
          kind: "Lease",
          metadata: { name, namespace: "kube-node-lease" },
          spec: {
            holderIdentity: name,
            leaseDurationSeconds: 4000,
            renewTime: "2026-01-01T00:00:00.000000Z",
          },
        },
      );
      await plane.kubectl(
        "patch",
        "node",
        name,
        "--subresource=status",
        "--type=merge",
        `--patch=${JSON.stringify({ status: ready })}`,
      );
    }
    const labels = { app: "till" };
    await apply(
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: {
          name: "robot",
          annotations: { "kubernetes.io/service-account.name": "default" },
        },
        type: "kubernetes.io/service-account-token",
      },
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "till" },
        spec: {
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: { containers: [{ name: "c", image: "example.invalid/c" }] },
          },
        },
      },
    );
    await plane.kubectl(
      "create",
      "clusterrolebinding",
      "robots",
      "--clusterrole=view",
      "--serviceaccount=default:default",
    );
    const thief = await makeClientCertificate(
      { commonName: "thief", organization: "system:masters" },
      old.ca,
      { now: new Date(), days: 30 },
      webcrypto,
    );
    writeFileSync(join(folder, "thief.crt"), thief.certificate);
    writeFileSync(join(folder, "thief.key"), thief.key.reveal());
    mkdirSync(join(folder, "bin"));
    mkdirSync(join(folder, "out"));
    writeFileSync(
      join(folder, "out/kubeconfig"),
      adminKubeconfig(adminAccess(project, old)).reveal(),
    );
    writeFileSync(join(folder, "bin/ssh"), SSH(plane.enter, folder));
    chmodSync(join(folder, "bin/ssh"), 0o755);
  }, 4 * MINUTES);

  afterAll(() => {
    stop?.();
    rmSync(folder, { recursive: true, force: true });
  });

  it(
    "goes on where it was stopped, and ends with the new authorities alone",
    async () => {
      await plane.until(
        "bash",
        "-c",
        "kubectl --kubeconfig /etc/kubernetes/super-admin.conf get secret robot -o jsonpath={.data.token} | grep -q .",
      );
      const pod = (
        await plane.kubectl("create", "token", "default")
      ).stdout.trim();
      const robot = await ofSecret("token");
      expect([await asBearer(pod), await asBearer(robot)]).toEqual([200, 200]);
      const pi = () =>
        runCli(["secrets", "rotate", "--authority", "--yes"], {
          cwd: folder,
          env: { PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}` },
        });
      // Cut once, in the middle of the step in which everything changes.
      writeFileSync(join(folder, "cut"), "");
      const first = await pi();
      expect(first.stderr).toContain(
        "error[AUTHORITY_NOT_ROTATED]: the step issue stopped at worker1",
      );
      const run = await pi();
      expect(run.stderr).toContain("retire: worker1 (2 of 2)");
      expect(run.status).toBe(0);
      const now = (await loadClusterSecrets(file()))?.secrets ?? old;
      expect(now.rotation).toBeUndefined();

      // The thief's certificate of the old authority has all rights until no node trusts it any more, and then none.
      const thief = readFileSync(join(folder, "thief"), "utf8");
      expect(thief.replaceAll(/^(look|members).*\n/gm, "")).toBe(
        [
          ...["trust", "issue", "retire"].flatMap((step) => [
            `turn control-plane ${step === "retire" ? 401 : 200}`,
            `turn worker ${step === "retire" ? 401 : 200}`,
            ...(step === "issue" ? ["turn worker 200"] : []),
            `settle ${step} ${step === "retire" ? 401 : 200}`,
          ]),
          "",
        ].join("\n"),
      );
      expect([await asBearer(pod), await asBearer(robot)]).toEqual([401, 401]);
      expect(await asClient(old.admin)).toBe(401);
      expect(await asClient(now.admin)).toBe(200);
      const renewed = await ofSecret("token");
      const fresh = await plane.kubectl("create", "token", "default");
      expect([
        await asBearer(fresh.stdout.trim()),
        await asBearer(renewed),
      ]).toEqual([200, 200]);
      expect(await ofSecret("ca\\.crt")).toBe(now.ca.certificate);

      // What the cluster's own programs believe.
      for (const [namespace, name, keys] of [
        [
          "kube-system",
          "extension-apiserver-authentication",
          ["client-ca-file", "requestheader-client-ca-file"],
        ],
        ["default", "kube-root-ca.crt", ["ca.crt"]],
      ] as const) {
        const { stdout } = await plane.kubectl(
          "get",
          "configmap",
          name,
          "-n",
          namespace,
          "-o",
          "json",
        );
        const { data } = JSON.parse(stdout) as { data: Record<string, string> };
        expect(keys.map((key) => data[key])).toEqual(
          keys.map((key) =>
            key.startsWith("request")
              ? now.frontProxyCa.certificate
              : now.ca.certificate,
          ),
        );
      }
      const info = await plane.kubectl(
        "get",
        "configmap",
        "cluster-info",
        "-n",
        "kube-public",
        "-o",
        "jsonpath={.data.kubeconfig}",
      );
      expect(info.stdout).toContain(
        Buffer.from(now.ca.certificate).toString("base64"),
      );

      // Secrets are read with the new key alone: encryption.yaml has no other any more.
      const encryption = await plane.demand(
        "cat",
        "/etc/kubernetes/pki/pi-image/encryption.yaml",
      );
      expect(encryption.stdout).not.toContain(old.encryptionKey?.reveal());
      expect((await plane.kubectl("get", "secrets", "-A")).status).toBe(0);

      // A kubelet's certificate comes from the new authority, from a controller manager that has one file to sign with.
      const deployment = await plane.kubectl(
        "get",
        "deployment",
        "till",
        "-o",
        "jsonpath={.metadata.generation}",
      );
      expect(Number(deployment.stdout)).toBe(4);

      // kubeadm finds every certificate where it looks for it, under an authority that it knows.
      const expiry = await plane.demand(
        "kubeadm",
        "certs",
        "check-expiration",
        "--config=/etc/pi-image/kubeadm.yaml",
      );
      expect(`${expiry.stdout}${expiry.stderr}`).not.toMatch(
        /invalid|MISSING|error/i,
      );
      await plane.demand(
        "kubeadm",
        "certs",
        "renew",
        "all",
        "--config=/etc/pi-image/kubeadm.yaml",
      );
    },
    15 * MINUTES,
  );
});
