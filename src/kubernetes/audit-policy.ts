// What the API server records: who changes access and workloads, who reads Secrets, who enters pods.

const CHANGES = ["create", "update", "patch", "delete", "deletecollection"];

const none = (rule: object) => ({ level: "None", ...rule });
const metadata = (rule: object) => ({ level: "Metadata", ...rule });

/**
 * Records metadata only, because a request's body may be the Secret. The first rules exclude what the cluster itself does
 * all day, because each line is a write to an SD card.
 *
 * https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
 */
export const auditPolicy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived", "ResponseStarted"],
  rules: [
    ...[
      "system:apiserver",
      "system:kube-controller-manager",
      "system:kube-proxy",
      "system:kube-scheduler",
    ].map((user) => none({ users: [user] })),
    none({ userGroups: ["system:serviceaccounts:kube-system"] }),
    // Not worth recording: the node authorizer only lets a kubelet read what its own pods mount.
    none({ userGroups: ["system:nodes"], verbs: ["get", "list", "watch"] }),
    none({
      userGroups: ["system:nodes"],
      resources: [
        { group: "", resources: ["events", "nodes/status", "pods/status"] },
        { group: "", resources: ["serviceaccounts/token"] },
        { group: "coordination.k8s.io" },
        { group: "events.k8s.io" },
        { group: "authentication.k8s.io" },
        { group: "authorization.k8s.io" },
      ],
    }),
    metadata({
      resources: [
        { group: "", resources: ["secrets", "serviceaccounts/token"] },
        {
          group: "",
          resources: [
            "pods/attach",
            "pods/ephemeralcontainers",
            "pods/exec",
            "pods/portforward",
            "pods/proxy",
            "nodes/proxy",
            "services/proxy",
          ],
        },
      ],
    }),
    metadata({
      verbs: CHANGES,
      resources: [
        {
          group: "",
          resources: [
            "configmaps",
            "namespaces",
            "nodes",
            "persistentvolumes",
            "pods",
            "serviceaccounts",
            "services",
          ],
        },
        { group: "admissionregistration.k8s.io" },
        { group: "apiextensions.k8s.io" },
        { group: "apiregistration.k8s.io" },
        { group: "apps" },
        { group: "batch" },
        { group: "certificates.k8s.io" },
        { group: "networking.k8s.io" },
        { group: "rbac.authorization.k8s.io" },
      ],
    }),
    none({}),
  ],
} as const;
