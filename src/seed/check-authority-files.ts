// Finds control planes whose fragments lack a file that their API server is started with.
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { listed } from "../inventory/wording.ts";
import { demandedFiles } from "../kubernetes/api-server.ts";
import type { ClusterSecrets } from "../kubernetes/secrets/cluster-secrets.ts";
import type { Problem } from "../report/problem.ts";
import {
  childOf,
  isText,
  type MapTree,
  type TextTree,
} from "./library/tree.ts";

/** The node's scripts copy this folder to /etc/kubernetes/pki before every attempt of kubeadm. */
const LAID_FROM = "/var/lib/pi-image/seed/pki/";

type Cluster = {
  readonly project: ResolvedProject;
  readonly node: ResolvedNode;
  readonly secrets: ClusterSecrets;
};

const laidFiles = (document: MapTree): readonly TextTree[] => {
  const list = childOf(document, "write_files");
  return (list?.kind === "list" ? list.items : []).flatMap((item) => {
    const path = childOf(item, "path");
    return isText(path) && path.value.startsWith(LAID_FROM) ? [path] : [];
  });
};

/**
 * A project's own `kubernetes/authority.yaml` takes the place of the package's, and it may be older than a default that
 * needs a new file. An API server does not start without a file that its flags name.
 */
export const checkAuthorityFiles = (
  document: MapTree,
  { project, node, secrets }: Cluster,
  report: (problem: Problem) => void,
): void => {
  if (node.role !== "control-plane") {
    return;
  }
  const laid = laidFiles(document);
  const paths = new Set(laid.map(({ value }) => value));
  const missing = demandedFiles(project, secrets).filter(
    ({ path }) => !paths.has(`${LAID_FROM}${path}`),
  );
  if (missing.length === 0) {
    return;
  }
  const switches = missing.flatMap(({ by }) => (by === undefined ? [] : [by]));
  report({
    code: "SEED_FILE_MISSING",
    severity: "error",
    message: `${node.name} lacks ${listed(
      missing.map(({ path }) => `${LAID_FROM}${path}`),
    )}; without that its API server does not start`,
    at: laid[0]?.at,
    hint: `add them as pi-image's own cloud-init/fragments/kubernetes/authority.yaml has them${
      switches.length === 0
        ? ""
        : `; instead of a file you can also give up its default: cluster.hardening has ${listed(switches)}`
    }`,
  });
};
