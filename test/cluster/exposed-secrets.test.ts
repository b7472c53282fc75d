import { describe, expect, it } from "vitest";
import { exposedSecrets } from "../../src/cluster/exposed-secrets.ts";

const pod = (namespace: string, spec: object) => ({
  metadata: { name: "p", namespace },
  spec,
});

describe("what a lost node could read", () => {
  it("is every Secret that one of its pods names, however it does", () => {
    const items = [
      pod("shop", {
        serviceAccountName: "till",
        imagePullSecrets: [{ name: "registry" }],
        initContainers: [{ envFrom: [{ secretRef: { name: "migration" } }] }],
        containers: [
          {
            env: [
              { name: "SECRET", value: "not-a-name" },
              { valueFrom: { secretKeyRef: { name: "db", key: "password" } } },
              { valueFrom: { configMapKeyRef: { name: "settings" } } },
            ],
          },
        ],
        volumes: [
          { name: "secret-volume", secret: { secretName: "tls" } },
          {
            projected: {
              sources: [
                { secret: { name: "extra", items: [{ key: "k" }] } },
                { serviceAccountToken: { path: "token" } },
              ],
            },
          },
          { csi: { driver: "d", nodePublishSecretRef: { name: "csi" } } },
          { cephfs: { secretRef: { name: "ceph" } } },
        ],
      }),
      pod("mail", {
        containers: [{ envFrom: [{ secretRef: { name: "db" } }] }],
      }),
      pod("mail", { containers: [] }),
    ];
    expect(exposedSecrets(JSON.stringify({ items }))).toEqual({
      secrets: [
        "mail/db",
        "shop/ceph",
        "shop/csi",
        "shop/db",
        "shop/extra",
        "shop/migration",
        "shop/registry",
        "shop/tls",
      ],
      serviceAccounts: ["mail/default", "shop/till"],
    });
  });

  it("is unknown where the answer is no list of pods", () => {
    expect(exposedSecrets("")).toBeUndefined();
    expect(exposedSecrets('{"items": [{}]}')).toBeUndefined();
  });
});
