// The container images that kubeadm starts a cluster of each Kubernetes patch with.
import { UserError } from "../report/user-error.ts";

const REGISTRY = "registry.k8s.io";

type Tags = {
  /** Patches of the minor, the last one included. */
  readonly patches: readonly [first: number, last: number];
  readonly etcd: string;
  readonly coredns: string;
  readonly pause: string;
};

/**
 * kubeadm's own table is compiled into it: cmd/kubeadm/app/constants/constants.go of each tag (DefaultEtcdVersion,
 * CoreDNSVersion, PauseVersion). Patches up to 1.35.7 and 1.36.3 were compared with minikube's copy of it
 * (kubernetes/minikube, pkg/minikube/constants/constants_kubeadm_images.go, 2026-08-23), the later ones with the output of
 * `kubeadm upgrade plan`.
 */
const TAGS: ReadonlyMap<string, readonly Tags[]> = new Map([
  [
    "1.35",
    [
      {
        patches: [0, 7],
        etcd: "3.6.6-0",
        coredns: "v1.13.1",
        pause: "3.10.1",
      },
    ],
  ],
  [
    "1.36",
    [
      {
        patches: [0, 4],
        etcd: "3.6.8-0",
        coredns: "v1.14.2",
        pause: "3.10.2",
      },
      {
        patches: [5, 5],
        etcd: "3.6.8-1",
        coredns: "v1.14.2",
        pause: "3.10.2",
      },
    ],
  ],
  [
    "1.37",
    [
      {
        patches: [0, 1],
        etcd: "3.7.0-0",
        coredns: "v1.14.6",
        pause: "3.10.2",
      },
    ],
  ],
]);

/**
 * The pause image that kubeadm of this minor pulls; another one in the runtime's configuration would be pulled in addition.
 *
 * @param repository in place of registry.k8s.io
 */
export const pauseImage = (
  minor: string,
  repository: string | undefined,
): string =>
  `${repository ?? REGISTRY}/pause:${TAGS.get(minor)?.at(-1)?.pause ?? "3.10.2"}`;

const tagsOf = (patch: string): Tags => {
  const [major = "", minor = "", last = ""] = patch.split(".");
  const known = TAGS.get(`${major}.${minor}`) ?? [];
  const found = known.find(
    ({ patches: [first, end] }) => Number(last) >= first && Number(last) <= end,
  );
  if (found !== undefined) {
    return found;
  }
  const newest = known.at(-1)?.patches[1];
  throw new UserError(
    "BUNDLE_INCOMPLETE",
    `this version of pi-image does not know which etcd and CoreDNS go with Kubernetes ${patch}`,
    {
      state: "no bundle was made",
      hint:
        newest === undefined
          ? "install a newer pi-image"
          : `write kubernetes: "${major}.${minor}.${newest}" in the inventory, or install a newer pi-image`,
    },
  );
};

/**
 * What `kubeadm config images list` says, in its order. Throws BUNDLE_INCOMPLETE for a patch that is newer than this table: a
 * tag that was guessed is found out only by the first node.
 *
 * @param patch such as "1.36.5"
 * @param repository in place of registry.k8s.io
 */
export const kubernetesImages = (
  patch: string,
  repository: string | undefined,
): readonly string[] => {
  const { etcd, coredns, pause } = tagsOf(patch);
  const from = repository ?? REGISTRY;
  return [
    ...[
      "kube-apiserver",
      "kube-controller-manager",
      "kube-scheduler",
      "kube-proxy",
    ].map((name) => `${from}/${name}:v${patch}`),
    `${from}/coredns/coredns:${coredns}`,
    `${from}/pause:${pause}`,
    `${from}/etcd:${etcd}`,
  ];
};
