// Real Kubernetes is started as our documents say: what is promised of a hardened cluster, and what a thief can do.
import { webcrypto } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { authorizationText } from "../../src/kubernetes/api-server.ts";
import type {
  CertificateAndKey,
  ClusterSecrets,
} from "../../src/kubernetes/secrets/cluster-secrets.ts";
import {
  makeClusterSecrets,
  makeJoinIdentity,
} from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { homelab } from "./project.ts";
import {
  type ControlPlane,
  describeWithControlPlane,
  startControlPlane,
} from "./real-control-plane.ts";

const STARTS = 120_000;
const MIB = 1024 ** 2;

/** Together more than what is kept. Bytes of each, of which a server takes no more than a megabyte. */
const NOTE = 60_000;
const REQUESTS = 500;

const POD = (name: string, more: object, spec: object = {}): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      automountServiceAccountToken: false,
      containers: [{ name: "c", image: "example.invalid/c", ...more }],
      ...spec,
    },
  });

const PRIVILEGED = { securityContext: { privileged: true } };

/** As kubelets ask, and then whatever one might try who has such a certificate. */
const WHAT_A_NODE_READS = [
  "/version",
  "/api",
  "/apis",
  "/openapi/v2",
  "/api/v1/nodes/worker1",
  "/api/v1/services",
  "/api/v1/pods?fieldSelector=spec.nodeName=worker1",
  "/api/v1/namespaces/default/secrets/mounted",
  "/api/v1/namespaces/kube-system/configmaps/kubeadm-config",
  "/apis/storage.k8s.io/v1/csidrivers",
  "/apis/node.k8s.io/v1/runtimeclasses",
] as const;

describeWithControlPlane("a control plane of real Kubernetes", () => {
  let folder = "";
  let plane: ControlPlane;
  let stop: (() => void) | undefined;
  let secrets: ClusterSecrets;

  /** Creates what the text describes, and says why not. */
  const create = async (namespace: string, text: string): Promise<string> => {
    await plane.write("/run/object.json", text);
    const { stdout, stderr } = await plane.kubectl(
      "create",
      "-n",
      namespace,
      "-f",
      "/run/object.json",
    );
    return `${stdout}${stderr}`;
  };

  const asClient = async (
    name: string,
    { certificate, key }: CertificateAndKey,
    method = "GET",
  ): Promise<(path: string, body?: string) => Promise<number>> => {
    await plane.write(`/run/${name}.crt`, certificate);
    await plane.write(`/run/${name}.key`, key.reveal());
    return async (path, body = "") =>
      (
        await plane.get(
          path,
          "--cert",
          `/run/${name}.crt`,
          "--key",
          `/run/${name}.key`,
          "--request",
          method,
          ...(body === ""
            ? []
            : ["--header", "Content-Type: application/json", "--data", body]),
        )
      ).status;
  };

  const asNode = (name: string, method?: string) => {
    const identity = secrets.nodes[name]?.joinIdentity;
    if (identity === undefined) {
      throw new Error(`no ${name}`);
    }
    return asClient(name, identity, method);
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "pi-image-plane-"));
    secrets = await makeClusterSecrets(homelab, {
      now: new Date(),
      crypto: webcrypto,
    });
    plane = await startControlPlane(folder, homelab, secrets);
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
    // The controllers would make them; a pod is refused without.
    for (const namespace of ["default", "kube-system"]) {
      await plane.demand(
        "kubectl",
        "--kubeconfig=/etc/kubernetes/super-admin.conf",
        `--namespace=${namespace}`,
        "create",
        "serviceaccount",
        "default",
      );
    }
  }, STARTS);

  afterAll(() => {
    stop?.();
    rmSync(folder, { recursive: true, force: true });
  });

  it("encrypts Secrets before etcd has them, and ConfigMaps not", async () => {
    await plane.kubectl(
      "create",
      "secret",
      "generic",
      "mounted",
      "--from-literal=password=hunter2hunter2",
    );
    await plane.kubectl(
      "create",
      "configmap",
      "open",
      "--from-literal=word=readable",
    );
    const raw = async (path: string) =>
      (
        await plane.run(
          "etcdctl",
          "--endpoints=https://127.0.0.1:2379",
          "--cacert=/etc/kubernetes/pki/etcd/ca.crt",
          "--cert=/etc/kubernetes/pki/etcd/server.crt",
          "--key=/etc/kubernetes/pki/etcd/server.key",
          "get",
          path,
        )
      ).stdout;
    const secret = await raw("/registry/secrets/default/mounted");
    expect(secret).toContain("k8s:enc:secretbox:v1:key1:");
    expect(secret).not.toContain("hunter2");
    expect(await raw("/registry/configmaps/default/open")).toContain(
      "readable",
    );
    const { stdout } = await plane.kubectl(
      "get",
      "secret",
      "mounted",
      "-o",
      "jsonpath={.data.password}",
    );
    expect(Buffer.from(stdout, "base64").toString()).toBe("hunter2hunter2");
  });

  it("notes who read a Secret, never what it holds, for root alone", async () => {
    await plane.kubectl("get", "secret", "mounted");
    await plane.kubectl("get", "pods");
    const log = "/var/log/kubernetes/audit/audit.log";
    const { stdout } = await plane.run("cat", log);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: "Metadata",
        verb: "get",
        objectRef: expect.objectContaining({
          resource: "secrets",
          name: "mounted",
        }),
      }),
    );
    expect(
      lines.filter(
        ({ level, verb, requestURI }) =>
          level !== "Metadata" ||
          (verb === "list" && String(requestURI).includes("/pods")),
      ),
    ).toEqual([]);
    expect(stdout).not.toContain("hunter2");
    expect(stdout).not.toContain("aHVudGVyM");
    const rights = await plane.run("stat", "-c", "%a %U", `${log}/..`, log);
    expect(`${rights.stdout}${rights.stderr}`).toContain("600 root");
    const parent = await plane.run(
      "stat",
      "-c",
      "%a",
      "/var/log/kubernetes/audit",
    );
    expect(parent.stdout.trim()).toBe("700");
  });

  it(
    "keeps the newest 20 MB of its notes, however many there are to write",
    async () => {
      const folder = "/var/log/kubernetes/audit";
      // Each is noted with its address, so that few of them fill five files.
      const query = `?n=[1-${REQUESTS}]-${"x".repeat(NOTE)}`;
      const asked = await plane.run(
        "curl",
        ..."--silent --parallel --parallel-max 8 --output /dev/null --cacert".split(
          " ",
        ),
        "/etc/kubernetes/pki/ca.crt",
        "--cert",
        "/etc/kubernetes/pki/apiserver-kubelet-client.crt",
        "--key",
        "/etc/kubernetes/pki/apiserver-kubelet-client.key",
        `https://cplane:6443/api/v1/namespaces/default/secrets/mounted${query}`,
      );
      expect(asked.status).toBe(0);
      // The oldest goes in a thread of its own.
      await plane.until("bash", "-c", `[[ $(ls ${folder} | wc -l) -le 4 ]]`);
      const { stdout } = await plane.run(
        "find",
        folder,
        "-type",
        "f",
        "-printf",
        "%s\\n",
      );
      const sizes = stdout.trim().split("\n").map(Number);
      const total = sizes.reduce((sum, size) => sum + size, 0);
      expect(sizes).toHaveLength(4);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(5 * MIB);
      expect(total).toBeLessThanOrEqual(20 * MIB);
      // It has been full, and what is there is the end.
      expect(total).toBeGreaterThan(15 * MIB);
      const kept = await plane.run(
        "bash",
        "-c",
        `cat ${folder}/* | grep -oE '[?]n=[0-9]+-' | sort -u`,
      );
      expect(kept.stdout).not.toContain("?n=1-");
      expect(kept.stdout).toContain(`?n=${REQUESTS}-`);
    },
    STARTS,
  );

  it("holds pods to the baseline, but not those of the cluster itself", async () => {
    expect(await create("default", POD("a", PRIVILEGED))).toContain(
      'violates PodSecurity "baseline:latest": privileged',
    );
    expect(
      await create("default", POD("b", {}, { hostNetwork: true })),
    ).toContain("host namespaces");
    expect(await create("default", POD("c", {}))).toContain("pod/c created");
    expect(await create("kube-system", POD("d", PRIVILEGED))).toContain(
      "pod/d created",
    );
    await plane.kubectl("create", "namespace", "open");
    await plane.kubectl("create", "serviceaccount", "default", "-n", "open");
    await plane.kubectl(
      "label",
      "namespace",
      "open",
      "pod-security.kubernetes.io/enforce=privileged",
    );
    expect(await create("open", POD("e", PRIVILEGED))).toContain(
      "pod/e created",
    );
  });

  it("answers nobody but probes and the beginning of a join", async () => {
    const statuses: Record<string, number> = {};
    for (const path of [
      "/livez",
      "/readyz",
      "/healthz",
      "/livez/ping",
      "/version",
      "/api",
      "/api/v1/namespaces/kube-public/configmaps/cluster-info",
      "/api/v1/namespaces/kube-public/configmaps",
      "/api/v1/secrets",
      "/metrics",
    ]) {
      statuses[path] = (await plane.get(path)).status;
    }
    expect(statuses).toEqual({
      "/livez": 200,
      "/readyz": 200,
      "/healthz": 200,
      "/livez/ping": 401,
      "/version": 401,
      "/api": 401,
      "/api/v1/namespaces/kube-public/configmaps/cluster-info": 200,
      "/api/v1/namespaces/kube-public/configmaps": 401,
      "/api/v1/secrets": 401,
      "/metrics": 401,
    });
  });

  it("gives kubelets a configuration that they read, closed as promised", async () => {
    const { stdout } = await plane.kubectl(
      "get",
      "configmap",
      "kubelet-config",
      "-n",
      "kube-system",
      "-o",
      "jsonpath={.data.kubelet}",
    );
    expect(stdout).toContain("seccompDefault: true");
    const start = async (text: string) => {
      await plane.write("/run/kubelet.yaml", text);
      const { stderr } = await plane.run(
        "timeout",
        "10",
        "kubelet",
        "--config=/run/kubelet.yaml",
        "--kubeconfig=/etc/kubernetes/admin.conf",
        "--hostname-override=cplane",
      );
      return stderr;
    };
    // It comes to its first question to the container runtime, on a host with the older cgroups, too.
    expect(await start(`${stdout}\nfailCgroupV1: false\n`)).toContain(
      "containerd.sock",
    );
    expect(await start(`${stdout}\nreadOnlyPrt: 0\n`)).toContain("readOnlyPrt");
  });

  it(
    "serves a node until it is revoked, then refuses that node alone, whatever it wants",
    async () => {
      await create(
        "default",
        JSON.stringify({
          apiVersion: "v1",
          kind: "Node",
          metadata: { name: "worker1" },
        }),
      );
      await create(
        "default",
        POD(
          "uses-it",
          {},
          {
            nodeName: "worker1",
            volumes: [{ name: "v", secret: { secretName: "mounted" } }],
          },
        ),
      );
      const thief = await asNode("worker1");
      const other = await asNode("worker2");
      const before: Record<string, number> = {};
      for (const path of WHAT_A_NODE_READS) {
        before[path] = await thief(path);
      }
      // Without this, nothing below shows anything.
      expect(new Set(Object.values(before))).toEqual(new Set([200]));

      await plane.kubectl("delete", "node", "worker1");
      expect(await thief("/api/v1/services")).toBe(200);
      expect(await thief("/api/v1/namespaces/default/secrets/mounted")).toBe(
        200,
      );

      const revoked = { ...secrets, revoked: ["worker1"] };
      await plane.write("/run/authorization.yaml", authorizationText(revoked));
      const script = packageFile(
        "cloud-init/files/usr/local/lib/pi-image/revoke",
      );
      const run = await plane.run(
        "bash",
        "-c",
        `bash ${script} refuse worker1 </run/authorization.yaml`,
      );
      expect(run).toEqual({ status: 0, stdout: "", stderr: "" });

      const after: Record<string, number> = {};
      for (const path of WHAT_A_NODE_READS) {
        after[path] = await thief(path);
      }
      expect(new Set(Object.values(after))).toEqual(new Set([500]));
      const { body } = await plane.get(
        "/api/v1/services",
        "--cert",
        "/run/worker1.crt",
        "--key",
        "/run/worker1.key",
      );
      expect(body).toContain("revoked-by-pi-image");
      const post = await asNode("worker1", "POST");
      expect(
        await post(
          "/api/v1/nodes",
          '{"apiVersion":"v1","kind":"Node","metadata":{"name":"worker1"}}',
        ),
      ).toBe(500);
      expect(
        await post(
          "/apis/certificates.k8s.io/v1/certificatesigningrequests",
          "{}",
        ),
      ).toBe(500);
      // A kubelet renews its certificate, and so may a thief have done.
      const renewed = await makeJoinIdentity("worker1", secrets.ca, 30, {
        now: new Date(),
        crypto: webcrypto,
      });
      const again = await asClient("renewed", renewed);
      expect(await again("/version")).toBe(500);
      // What other kubelets and aggregated servers ask before they serve somebody.
      const review = await create(
        "default",
        JSON.stringify({
          apiVersion: "authorization.k8s.io/v1",
          kind: "SubjectAccessReview",
          spec: {
            user: "system:node:worker1",
            groups: ["system:nodes"],
            nonResourceAttributes: { path: "/version", verb: "get" },
          },
        }),
      );
      expect(review).not.toContain("allowed: true");

      expect(await other("/api/v1/services")).toBe(200);
      expect(await other("/api/v1/nodes/worker1")).toBe(403);
      expect((await plane.get("/readyz")).status).toBe(200);

      const removed = await plane.run("bash", script, "remove", "worker1");
      expect(removed.status).toBe(0);
      expect(removed.stdout).toContain('"secretName": "mounted"');
      const pods = await plane.kubectl("get", "pods", "-o", "name");
      expect(pods.stdout).toBe("pod/c\n");
    },
    STARTS,
  );

  it("takes the rights of a stolen kubeconfig away, and has another way in", async () => {
    const thief = await asClient("admin", secrets.admin);
    expect(await thief("/api/v1/secrets")).toBe(200);
    await plane.kubectl(
      "delete",
      "clusterrolebinding",
      "kubeadm:cluster-admins",
    );
    expect(await thief("/api/v1/secrets")).toBe(403);
    await plane.demand(
      "bash",
      "-c",
      "kubeadm kubeconfig user --client-name ana --org homelab:admins --config /etc/pi-image/kubeadm.yaml >/run/ana.conf",
    );
    const asAna = () =>
      plane.run("kubectl", "--kubeconfig=/run/ana.conf", "get", "secrets");
    expect((await asAna()).status).toBe(1);
    await plane.kubectl(
      "create",
      "clusterrolebinding",
      "homelab:admins",
      "--clusterrole=cluster-admin",
      "--group=homelab:admins",
    );
    expect((await asAna()).status).toBe(0);
  });
});
