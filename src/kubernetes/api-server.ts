// How the API servers of a cluster are started, and the files that their flags name.
import { dump } from "js-yaml";
import type { ResolvedProject } from "../inventory/resolved.ts";
import { secret, type Secret } from "../report/secret.ts";
import { auditPolicy } from "./audit-policy.ts";
import { authorization, nobodyKubeconfig } from "./authorization.ts";
import type { ClusterSecrets } from "./secrets/cluster-secrets.ts";
import { type Hardening, hardeningOf } from "./hardening.ts";

/** In the folder that kubeadm mounts into the API server's pod, so that a backup of that folder has the key, too. */
const FOLDER = "pi-image";
const IN_POD = `/etc/kubernetes/pki/${FOLDER}`;

/** The node's scripts make this folder, for root alone, before kubeadm would make it. */
const AUDIT_FOLDER = "/var/log/kubernetes/audit";

type Document = Readonly<Record<string, unknown>>;

/**
 * secretbox: authenticated, and fast on a CPU without AES instructions, such as a Pi 4's. `identity` reads what was written
 * before, so that a cluster with Secrets that are not encrypted yet can still read them.
 * https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/
 *
 * etcd notes the name of the key beside each Secret. All have the same one, so that a card needs to know the key only: where
 * there are two providers, the API server tries the second when the first cannot open what it finds.
 * https://github.com/kubernetes/kubernetes/blob/v1.36.2/staging/src/k8s.io/apiserver/pkg/storage/value/transformer.go
 */
const encryption = (keys: readonly (Secret | undefined)[]): Document => ({
  apiVersion: "apiserver.config.k8s.io/v1",
  kind: "EncryptionConfiguration",
  resources: [
    {
      resources: ["secrets"],
      providers: [
        ...keys
          .filter((key) => key !== undefined)
          .map((key) => ({
            secretbox: { keys: [{ name: "key1", secret: key.reveal() }] },
          })),
        { identity: {} },
      ],
    },
  ],
});

/** https://kubernetes.io/docs/tasks/configure-pod-container/enforce-standards-admission-controller/ */
const admission = ({
  podSecurity,
  podSecurityExempt,
}: Hardening): Document => ({
  apiVersion: "apiserver.config.k8s.io/v1",
  kind: "AdmissionConfiguration",
  plugins: [
    {
      name: "PodSecurity",
      configuration: {
        apiVersion: "pod-security.admission.config.k8s.io/v1",
        kind: "PodSecurityConfiguration",
        defaults: {
          enforce: podSecurity,
          "enforce-version": "latest",
          warn: podSecurity,
          "warn-version": "latest",
        },
        exemptions: { namespaces: [...podSecurityExempt] },
      },
    },
  ],
});

/**
 * Paths that are open to everybody: the pod's own probes carry no credential, and a join by token, even a manual one, first
 * reads the cluster's authority and address from this ConfigMap. Paths must match exactly.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#anonymous-authenticator-configuration
 */
const OPEN_PATHS = [
  "/livez",
  "/readyz",
  "/healthz",
  "/api/v1/namespaces/kube-public/configmaps/cluster-info",
];

const authentication = ({ anonymousAccess }: Hardening): Document => ({
  apiVersion: "apiserver.config.k8s.io/v1",
  kind: "AuthenticationConfiguration",
  anonymous: {
    enabled: true,
    ...(anonymousAccess === "probes"
      ? { conditions: OPEN_PATHS.map((path) => ({ path })) }
      : {}),
  },
});

/** The secrets that these files are made from. */
type OwnSecrets = Pick<
  ClusterSecrets,
  "encryptionKey" | "hardened" | "revoked"
>;

const textOf = (document: Document): string =>
  dump(document, { lineWidth: -1, noRefs: true });

const authorizationOf = ({
  revoked,
}: Pick<ClusterSecrets, "revoked">): Document =>
  authorization(revoked, `${IN_POD}/nobody.yaml`);

/** The text of authorization.yaml, which the API server reads again whenever it changes. */
export const authorizationText = (
  secrets: Pick<ClusterSecrets, "revoked">,
): string => textOf(authorizationOf(secrets));

export const ENCRYPTION_FILE = `${FOLDER}/encryption.yaml`;

/**
 * The text of encryption.yaml.
 *
 * @param keys the first encrypts, all decrypt; an undefined one counts for nothing
 */
export const encryptionText = (keys: readonly (Secret | undefined)[]): Secret =>
  secret(textOf(encryption(keys)));

type ApiServerFile = {
  /** Relative to the pki folder. */
  readonly path: string;
  readonly content: Secret;
};

/**
 * The files of one control plane. Every control plane gets all of them, whatever the inventory says today: which ones the
 * flags name was decided when the cluster was made, and an API server does not start without a file that its flags name.
 */
export const apiServerFiles = (
  project: Pick<ResolvedProject, "cluster">,
  secrets: OwnSecrets,
): readonly ApiServerFile[] => {
  const hardening = hardeningOf(project, secrets);
  const documents: readonly (readonly [string, Document])[] = [
    ["admission", admission(hardening)],
    ["audit-policy", auditPolicy],
    ["authentication", authentication(hardening)],
    ["authorization", authorizationOf(secrets)],
    ["encryption", encryption([secrets.encryptionKey])],
    ["nobody", nobodyKubeconfig],
  ];
  return documents.map(([name, document]) => ({
    path: `${FOLDER}/${name}.yaml`,
    content: secret(textOf(document)),
  }));
};

/** At most 4 files of 5 MB, each kept for 30 days; the container runtime takes care of the other logs. */
const AUDIT_FLAGS = [
  ["audit-log-path", `${AUDIT_FOLDER}/audit.log`],
  ["audit-policy-file", `${IN_POD}/audit-policy.yaml`],
  ["audit-log-maxage", "30"],
  ["audit-log-maxbackup", "3"],
  ["audit-log-maxsize", "5"],
] as const;

type Flag = {
  readonly name: string;
  readonly value: string;
  /** The key of `cluster.hardening` that asks for it; undefined where every cluster has it. */
  readonly by: keyof Hardening | undefined;
};

const flagsOf = (
  hardening: Hardening,
  { encryptionKey }: OwnSecrets,
): readonly Flag[] => {
  const all: readonly (readonly [
    by: Flag["by"],
    wanted: boolean,
    flags: readonly (readonly [name: string, value: string])[],
  ])[] = [
    [
      "podSecurity",
      hardening.podSecurity !== "privileged",
      [["admission-control-config-file", `${IN_POD}/admission.yaml`]],
    ],
    ["auditLog", hardening.auditLog, AUDIT_FLAGS],
    [
      "anonymousAccess",
      hardening.anonymousAccess !== "all",
      [["authentication-config", `${IN_POD}/authentication.yaml`]],
    ],
    // Always set, because without it no node can be revoked. kubeadm then leaves out its own `authorization-mode`.
    [
      undefined,
      true,
      [["authorization-config", `${IN_POD}/authorization.yaml`]],
    ],
    [
      "encryptSecrets",
      hardening.encryptSecrets && encryptionKey !== undefined,
      [["encryption-provider-config", `${IN_POD}/encryption.yaml`]],
    ],
  ];
  return all.flatMap(([by, wanted, flags]) =>
    wanted ? flags.map(([name, value]) => ({ name, value, by })) : [],
  );
};

/** `apiServer` of kubeadm's ClusterConfiguration, without the names in its certificate. */
export const apiServerFlags = (
  project: Pick<ResolvedProject, "cluster">,
  secrets: OwnSecrets,
): Document => {
  const hardening = hardeningOf(project, secrets);
  return {
    extraArgs: [
      ...flagsOf(hardening, secrets),
      ...project.cluster.upstream.apiServerArgs,
    ].map(({ name, value }) => ({ name, value })),
    ...(hardening.auditLog
      ? {
          extraVolumes: [
            {
              name: "audit-log",
              hostPath: AUDIT_FOLDER,
              mountPath: AUDIT_FOLDER,
              pathType: "DirectoryOrCreate",
            },
          ],
        }
      : {}),
  };
};

type DemandedFile = Pick<ApiServerFile, "path"> & Pick<Flag, "by">;

/** The files without which an API server with these flags does not start, or a node could not be revoked. */
export const demandedFiles = (
  project: Pick<ResolvedProject, "cluster">,
  secrets: OwnSecrets,
): readonly DemandedFile[] => [
  ...flagsOf(hardeningOf(project, secrets), secrets)
    .filter(({ value }) => value.startsWith(IN_POD))
    .map(({ value, by }) => ({
      path: `${FOLDER}${value.slice(IN_POD.length)}`,
      by,
    })),
  { path: `${FOLDER}/nobody.yaml`, by: undefined },
];
