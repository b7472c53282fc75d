// Where secrets of the seeds lie on a node that is done, against where they may lie.
import { tryTool } from "../../../src/system/run/run-tool.ts";
import type { NspawnNode } from "./node.ts";

const HOST_KEY = "/etc/ssh/ssh_host_ed25519_key";

/** kubeadm and sshd need these; every other copy is one too many. */
export const ALLOWED = {
  "control-plane": [
    "/etc/kubernetes/pki/ca.key",
    "/etc/kubernetes/pki/etcd/ca.key",
    "/etc/kubernetes/pki/front-proxy-ca.key",
    "/etc/kubernetes/pki/sa.key",
    HOST_KEY,
  ],
  worker: [HOST_KEY],
} as const;

/** Files, below anything that the node wrote or was given, that hold one of the lines. */
export const filesWithSecrets = async (
  node: NspawnNode,
  secrets: readonly string[],
): Promise<readonly string[]> => {
  const found = await tryTool("grep", ["-rlF", "-f", "-", node.written], {
    input: secrets.join("\n"),
  });
  return found.stdout
    .split("\n")
    .filter((file) => file !== "")
    .map((file) => file.slice(node.written.length))
    .toSorted();
};
