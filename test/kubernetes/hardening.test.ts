// What an auditor of a cluster looks for (CIS Kubernetes Benchmark 1.11, in brackets), in the documents that make ours.
import { webcrypto } from "node:crypto";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import type {
  HardeningWishes,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import { apiServerFiles } from "../../src/kubernetes/api-server.ts";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { completeClusterSecrets } from "../../src/kubernetes/secrets/complete-cluster-secrets.ts";
import { kubeadmDocument } from "../../src/kubernetes/kubeadm-documents.ts";
import { makeClusterSecrets } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import {
  parseSecretsDocument,
  writeSecretsDocument,
} from "../../src/kubernetes/secrets/secrets-document.ts";
import { homelab, making, nodeOf, NOW, withCluster } from "./project.ts";

const secrets = await makeClusterSecrets(homelab, making);

/** As a file of the last version without a key and without `hardened`. */
const ofBefore = (): ClusterSecrets =>
  parseSecretsDocument(
    writeSecretsDocument({ secrets, encryptedTo: [] })
      .replace("version: 2", "version: 1")
      .replace(/\nencryptionKey: .*\nhardened: true/, ""),
    "homelab.secrets.yaml",
  ).secrets;

const wishing = (wishes: Partial<HardeningWishes>): ResolvedProject =>
  withCluster(homelab, {
    hardening: { ...homelab.cluster.hardening, ...wishes },
  });

const clusterSchema = z.object({
  kind: z.literal("ClusterConfiguration"),
  apiServer: z.object({
    extraArgs: z
      .array(z.object({ name: z.string(), value: z.string() }))
      .default([]),
    extraVolumes: z.array(z.record(z.string(), z.unknown())).default([]),
  }),
});

const documentsOf = (
  project: ResolvedProject,
  from: ClusterSecrets,
): readonly unknown[] =>
  parseAllDocuments(
    kubeadmDocument(project, nodeOf(project, "cplane"), from),
  ).map((document): unknown => document.toJS());

const ofKind = (documents: readonly unknown[], kind: string): unknown =>
  documents.find(
    (one) => z.object({ kind: z.literal(kind) }).safeParse(one).success,
  );

const apiServer = (
  project: ResolvedProject,
  from: ClusterSecrets = secrets,
) => {
  const { extraArgs, extraVolumes } = clusterSchema.parse(
    ofKind(documentsOf(project, from), "ClusterConfiguration"),
  ).apiServer;
  return {
    flags: Object.fromEntries(
      extraArgs.map(({ name, value }) => [name, value]),
    ),
    extraVolumes,
  };
};

/** With every default given up. */
const BARE = {
  flags: {
    "authorization-config": "/etc/kubernetes/pki/pi-image/authorization.yaml",
  },
  extraVolumes: [],
};

/** The file that a flag names, as plain data; its folder is the one that kubeadm mounts. */
const fileOf = (
  path: string | undefined,
  project = homelab,
  from: ClusterSecrets = secrets,
): unknown => {
  const found = apiServerFiles(project, from).find(
    (file) => `/etc/kubernetes/pki/${file.path}` === path,
  );
  return parse(found?.content.reveal() ?? "missing");
};

describe("a cluster that is made now", () => {
  const { flags, extraVolumes } = apiServer(homelab);

  it("encrypts Secrets before they are written, and reads older ones [1.2.27, 1.2.28]", () => {
    expect(fileOf(flags["encryption-provider-config"])).toEqual({
      apiVersion: "apiserver.config.k8s.io/v1",
      kind: "EncryptionConfiguration",
      resources: [
        {
          resources: ["secrets"],
          providers: [
            {
              secretbox: {
                keys: [
                  { name: "key1", secret: secrets.encryptionKey?.reveal() },
                ],
              },
            },
            { identity: {} },
          ],
        },
      ],
    });
    const key = Buffer.from(secrets.encryptionKey?.reveal() ?? "", "base64");
    expect(key).toHaveLength(32);
  });

  it("keeps an audit log that cannot fill a card [1.2.16 to 1.2.19]", () => {
    expect(flags).toMatchObject({
      "audit-log-path": "/var/log/kubernetes/audit/audit.log",
      "audit-log-maxage": "30",
      "audit-log-maxbackup": "3",
      "audit-log-maxsize": "5",
    });
    expect(extraVolumes).toEqual([
      {
        name: "audit-log",
        hostPath: "/var/log/kubernetes/audit",
        mountPath: "/var/log/kubernetes/audit",
        pathType: "DirectoryOrCreate",
      },
    ]);
  });

  it("notes Secrets, access and exec, and never what a Secret holds [3.2.1, 3.2.2]", () => {
    const policy = z
      .object({
        kind: z.literal("Policy"),
        rules: z.array(
          z.object({
            level: z.string(),
            verbs: z.array(z.string()).optional(),
            users: z.array(z.string()).optional(),
            userGroups: z.array(z.string()).optional(),
            resources: z
              .array(
                z.object({
                  group: z.string(),
                  resources: z.array(z.string()).optional(),
                }),
              )
              .optional(),
          }),
        ),
      })
      .parse(fileOf(flags["audit-policy-file"]));
    /** As k8s.io/apiserver/pkg/audit/policy/checker.go decides: the first rule that fits. */
    const level = (
      user: string,
      groups: readonly string[],
      verb: string,
      group: string,
      resource: string,
    ) =>
      policy.rules.find(
        (rule) =>
          (rule.users?.includes(user) ?? true) &&
          (rule.userGroups?.some((one) => groups.includes(one)) ?? true) &&
          (rule.verbs?.includes(verb) ?? true) &&
          (rule.resources?.some(
            (one) =>
              one.group === group &&
              (one.resources?.includes(resource) ?? true),
          ) ??
            true),
      )?.level;
    const admins = ["kubeadm:cluster-admins", "system:authenticated"];
    const RBAC = "rbac.authorization.k8s.io";
    expect(level("ana", admins, "get", "", "secrets")).toBe("Metadata");
    expect(level("ana", admins, "create", "", "pods/exec")).toBe("Metadata");
    expect(level("ana", admins, "update", RBAC, "roles")).toBe("Metadata");
    expect(level("ana", admins, "create", "", "pods")).toBe("Metadata");
    expect(level("ana", admins, "list", "", "pods")).toBe("None");
    const app = ["system:serviceaccounts", "system:serviceaccounts:shop"];
    expect(
      level("system:serviceaccount:shop:a", app, "list", "", "secrets"),
    ).toBe("Metadata");
    const nodes = ["system:nodes", "system:authenticated"];
    expect(level("system:node:w", nodes, "watch", "", "secrets")).toBe("None");
    expect(
      level("system:node:w", nodes, "update", "coordination.k8s.io", "leases"),
    ).toBe("None");
    expect(
      level(
        "system:node:w",
        nodes,
        "create",
        "certificates.k8s.io",
        "certificatesigningrequests",
      ),
    ).toBe("Metadata");
    expect(new Set(policy.rules.map((rule) => rule.level))).toEqual(
      new Set(["None", "Metadata"]),
    );
  });

  it("holds pods to the baseline, but for those that carry the cluster [5.2.1]", () => {
    expect(fileOf(flags["admission-control-config-file"])).toMatchObject({
      kind: "AdmissionConfiguration",
      plugins: [
        {
          name: "PodSecurity",
          configuration: {
            defaults: { enforce: "baseline", "enforce-version": "latest" },
            exemptions: { namespaces: ["kube-system", "kube-flannel"] },
          },
        },
      ],
    });
  });

  it("answers nobody but probes and the beginning of a join by token [1.2.1]", () => {
    expect(fileOf(flags["authentication-config"])).toEqual({
      apiVersion: "apiserver.config.k8s.io/v1",
      kind: "AuthenticationConfiguration",
      anonymous: {
        enabled: true,
        conditions: [
          { path: "/livez" },
          { path: "/readyz" },
          { path: "/healthz" },
          { path: "/api/v1/namespaces/kube-public/configmaps/cluster-info" },
        ],
      },
    });
    // The API server does not start with both.
    expect(flags).not.toHaveProperty("anonymous-auth");
  });

  it("closes the kubelets, and limits system calls [4.2.1 to 4.2.4, 5.6.2]", () => {
    expect(
      ofKind(documentsOf(homelab, secrets), "KubeletConfiguration"),
    ).toMatchObject({
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
      },
      authorization: { mode: "Webhook" },
      readOnlyPort: 0,
      seccompDefault: true,
    });
  });

  it("names no file that a control plane does not have", () => {
    const files = apiServerFiles(homelab, secrets).map(
      ({ path }) => `/etc/kubernetes/pki/${path}`,
    );
    const named = Object.values(flags).filter((value) =>
      value.startsWith("/etc/"),
    );
    // The last one is named by the authorization, once a node is revoked.
    expect(
      [...named, "/etc/kubernetes/pki/pi-image/nobody.yaml"].toSorted(),
    ).toEqual(files.toSorted());
  });
});

describe("a cluster that has lost a node", () => {
  const revoking = { ...secrets, revoked: ["worker1", "old-worker"] };
  const chain = (from: ClusterSecrets) =>
    z
      .object({ authorizers: z.array(z.object({ type: z.string() })) })
      .parse(
        fileOf(
          "/etc/kubernetes/pki/pi-image/authorization.yaml",
          homelab,
          from,
        ),
      )
      .authorizers.map(({ type }) => type);

  it("asks first whether somebody is that node, and refuses what it cannot ask about", () => {
    expect(chain(secrets)).toEqual(["Node", "RBAC"]);
    expect(chain(revoking)).toEqual(["Webhook", "Node", "RBAC"]);
    expect(
      fileOf(
        apiServer(homelab).flags["authorization-config"],
        homelab,
        revoking,
      ),
    ).toMatchObject({
      authorizers: [
        {
          webhook: {
            failurePolicy: "Deny",
            matchConditions: [
              {
                expression:
                  'request.user in ["system:node:worker1", "system:node:old-worker"]',
              },
            ],
          },
        },
        {},
        {},
      ],
    });
  });

  it("builds no card of that name again", async () => {
    await expect(
      completeClusterSecrets(revoking, homelab, making),
    ).rejects.toThrow("worker1 was revoked");
  });
});

describe("each default", () => {
  it.each([
    ["encryptSecrets", { encryptSecrets: false }, "encryption-provider-config"],
    ["auditLog", { auditLog: false }, "audit-policy-file"],
    [
      "podSecurity",
      { podSecurity: "privileged" },
      "admission-control-config-file",
    ],
    ["anonymousAccess", { anonymousAccess: "all" }, "authentication-config"],
  ] as const)("is turned off by %s, and nothing else is", (_, wish, flag) => {
    const before = Object.keys(apiServer(homelab).flags);
    const { flags } = apiServer(wishing(wish));
    expect(before).toContain(flag);
    expect(before.filter((name) => !(name in flags))).toEqual(
      flag === "audit-policy-file"
        ? before.filter((name) => name.startsWith("audit-"))
        : [flag],
    );
  });

  it("is turned off by seccompDefault", () => {
    expect(
      ofKind(
        documentsOf(wishing({ seccompDefault: false }), secrets),
        "KubeletConfiguration",
      ),
    ).not.toHaveProperty("seccompDefault");
  });

  it("leaves the files where they are, for the cluster may ask for them", () => {
    const off = wishing({
      encryptSecrets: false,
      auditLog: false,
      podSecurity: "privileged",
      anonymousAccess: "all",
    });
    expect(apiServer(off)).toEqual(BARE);
    expect(apiServerFiles(off, secrets).map(({ path }) => path)).toEqual(
      apiServerFiles(homelab, secrets).map(({ path }) => path),
    );
  });

  it("takes stricter levels and more namespaces", () => {
    const project = wishing({
      podSecurity: "restricted",
      podSecurityExempt: ["longhorn-system", "kube-system"],
    });
    const path = apiServer(project).flags["admission-control-config-file"];
    expect(fileOf(path, project)).toMatchObject({
      plugins: [
        {
          configuration: {
            defaults: { enforce: "restricted" },
            exemptions: {
              namespaces: ["kube-system", "kube-flannel", "longhorn-system"],
            },
          },
        },
      ],
    });
  });
});

describe("a cluster whose secrets are older", () => {
  it("is made again as it was, and still gives a control plane every file", async () => {
    const old = ofBefore();
    expect(old).toMatchObject({ encryptionKey: undefined, hardened: false });
    const { secrets: completed, changes } = await completeClusterSecrets(
      old,
      homelab,
      { now: NOW, crypto: webcrypto },
    );
    expect(changes).toEqual([
      "Made a key to encrypt Secrets with; a running cluster does not use it.",
    ]);
    expect(completed.hardened).toBe(false);
    expect(apiServer(homelab, completed)).toEqual(BARE);
    expect(
      ofKind(documentsOf(homelab, completed), "KubeletConfiguration"),
    ).not.toHaveProperty("seccompDefault");
    expect(apiServerFiles(homelab, completed)).toHaveLength(6);
  });

  it("keeps its key from then on", async () => {
    const first = await completeClusterSecrets(ofBefore(), homelab, making);
    const second = await completeClusterSecrets(first.secrets, homelab, making);
    expect(second.changes).toEqual([]);
    expect(second.secrets.encryptionKey?.reveal()).toBe(
      first.secrets.encryptionKey?.reveal(),
    );
  });

  it("gets what the inventory asks for", async () => {
    const { secrets: completed } = await completeClusterSecrets(
      ofBefore(),
      homelab,
      making,
    );
    const project = wishing({ encryptSecrets: true, podSecurity: "baseline" });
    const { flags } = apiServer(project, completed);
    expect(Object.keys(flags)).toEqual([
      "admission-control-config-file",
      "authorization-config",
      "encryption-provider-config",
    ]);
    expect(
      fileOf(flags["encryption-provider-config"], project, completed),
    ).toMatchObject({
      resources: [{ providers: [{ secretbox: {} }, { identity: {} }] }],
    });
  });
});
