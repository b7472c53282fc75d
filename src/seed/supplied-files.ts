// The files that a build adds to the fragments' because only some nodes have them.
import { gzipSync } from "node:zlib";
import type { Value } from "./library/tree.ts";

/** A file of the node: its path there and its text. */
export type SuppliedFile = {
  readonly path: string;
  readonly mode: "0600" | "0644";
  readonly text: string;
};

/** Where the `cni` phase finds what it applies, in the order of the names. */
const MANIFESTS = "/var/lib/pi-image/manifests";
/** Where the `kubeadm` phase finds the static pod that holds the endpoint's virtual address. */
const KUBE_VIP = "/var/lib/pi-image/seed/kube-vip.yaml";
const KUBERNETES_KEY = "/etc/apt/keyrings/kubernetes.asc";

/** Longer files are packed, because cloud-init parses its user-data in Python several times a boot. */
const PACKED_FROM = 8 * 1024;

export const suppliedFiles = (supplied: {
  readonly kubernetesKey: string | undefined;
  readonly kubeVip: string | undefined;
  readonly registryMirrors: readonly SuppliedFile[];
  readonly manifests: readonly {
    readonly name: string;
    readonly text: string;
  }[];
}): readonly SuppliedFile[] => [
  ...optional(KUBERNETES_KEY, "0644", supplied.kubernetesKey),
  ...optional(KUBE_VIP, "0600", supplied.kubeVip),
  ...supplied.registryMirrors,
  // Only for root, because a user's own manifest may hold a Secret.
  ...supplied.manifests.flatMap(({ name, text }) =>
    optional(`${MANIFESTS}/${name}`, "0600", text),
  ),
];

const optional = (
  path: string,
  mode: SuppliedFile["mode"],
  text: string | undefined,
): SuppliedFile[] => (text === undefined ? [] : [{ path, mode, text }]);

/** The file as an entry of cloud-init's write_files. */
export const writeFilesEntry = ({ path, mode, text }: SuppliedFile): Value => ({
  path,
  permissions: mode,
  ...(Buffer.byteLength(text) < PACKED_FROM
    ? { content: text }
    : { encoding: "gz+b64", content: packed(text) }),
});

/** Byte 9 of a gzip file names the machine it was made on; 255 says unknown, so that every machine writes the same. */
const packed = (text: string): string => {
  const data = gzipSync(text, { level: 9 });
  data[9] = 255;
  return data.toString("base64");
};
