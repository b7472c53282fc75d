// Renders the seed of one node: merged fragments, filled with the node's values.
import { createHash } from "node:crypto";
import { systemFacts } from "../inventory/boards/systems.ts";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import type { ClusterSecrets } from "../kubernetes/secrets/cluster-secrets.ts";
import { kubeVipManifest } from "../kubernetes/kube-vip.ts";
import { hasErrors, type Problem } from "../report/problem.ts";
import { secret } from "../report/secret.ts";
import { checkAuthorityFiles } from "./check-authority-files.ts";
import { checkWrittenFiles } from "./library/check-written-files.ts";
import { firstBootScript } from "./first-boot-script.ts";
import type { Library } from "./library/library.ts";
import { mergeFragments } from "./library/merge-fragments.ts";
import { nodeEnvironment } from "./node-environment.ts";
import { kubeadmAction } from "./node-facts.ts";
import { FRAGMENT_HEADER } from "./library/parse-fragment.ts";
import { registryMirrorFiles } from "./registry-mirrors.ts";
import type { Seed } from "./seed.ts";
import { networkDocument, profileDocument } from "./seed-documents.ts";
import { seedValues } from "./seed-values.ts";
import type { Values } from "./library/substitute.ts";
import {
  type SuppliedFile,
  suppliedFiles,
  writeFilesEntry,
} from "./supplied-files.ts";
import { fromValue, type MapTree, toValue } from "./library/tree.ts";
import { writeDocument } from "./library/write-document.ts";

export type SeedInput = {
  readonly project: ResolvedProject;
  readonly node: ResolvedNode;
  /** The cluster's secrets, with credentials for this node. */
  readonly secrets: ClusterSecrets;
  readonly library: Library;
  readonly buildTime: Date;
  /** The version of pi-image, for the documents' headers. */
  readonly version: string;
  /** The ASCII-armoured key of the Kubernetes packages; without it the node fetches it and checks its fingerprint. */
  readonly kubernetesKey?: string | undefined;
  /** What the first control plane applies, in the order of the names. */
  readonly manifests?:
    readonly { readonly name: string; readonly text: string }[] | undefined;
};

type RenderedSeed = {
  /** Undefined when a problem is an error. */
  readonly seed: Seed | undefined;
  readonly problems: readonly Problem[];
};

/**
 * The seed of one node. Pure: the same input gives the same bytes. Mistakes in the profile's fragments are returned as
 * problems; two nodes that use the same fragment report its mistakes twice.
 */
export const renderSeed = (input: SeedInput): RenderedSeed => {
  const { library, node, project, secrets, buildTime, version } = input;
  const problems: Problem[] = [];
  const report = (problem: Problem): void => {
    problems.push(problem);
  };
  const values = seedValues({
    project,
    node,
    secrets,
    files: library.files,
    buildTime,
  });
  const supplied = filesFor(input);
  const profile = profileDocument(library, node, values, report);
  const network = networkDocument(library, node, values, report);
  const cloudConfig = withFiles(profile, supplied);
  if (cloudConfig !== undefined) {
    checkWrittenFiles(cloudConfig, report);
    checkAuthorityFiles(cloudConfig, input, report);
  }
  if (
    cloudConfig === undefined ||
    network === undefined ||
    hasErrors(problems)
  ) {
    return { seed: undefined, problems };
  }
  const instanceId = `pi-image-${node.name}-${digest(input, values, supplied)}`;
  const made = `# Made by pi-image ${version}.`;
  return forSystem(
    node,
    {
      instanceId,
      userData: writeDocument(
        `${FRAGMENT_HEADER}\n${made} It holds the node's secrets until the first boot has removed them.\n`,
        toValue(cloudConfig),
      ),
      metaData: writeDocument(`${made}\n`, {
        "instance-id": instanceId,
        "local-hostname": node.name,
        dsmode: "local",
      }),
      networkConfig: writeDocument(`${made}\n`, toValue(network)),
      withoutPasswords: digestWithoutPasswords(input, supplied),
    },
    problems,
  );
};

/** A system without cloud-init gets the seed as a script as well. */
const forSystem = (
  node: ResolvedNode,
  seed: Seed,
  problems: readonly Problem[],
): RenderedSeed => {
  if (systemFacts(node.base).cloudInit) {
    return { seed, problems };
  }
  const made = firstBootScript(seed);
  if ("script" in made) {
    return { seed: { ...seed, firstBoot: made.script }, problems };
  }
  const unknown = made.unknown.map((what): Problem => ({
    code: "FRAGMENT_UNSUPPORTED",
    severity: "error",
    message: `${node.name} has no cloud-init on Arch Linux ARM, and its first boot cannot do what a fragment asks for: ${what}`,
    hint: "leave the fragment out of the profile, or use another base",
  }));
  return { seed: undefined, problems: [...problems, ...unknown] };
};

const filesFor = (input: SeedInput): readonly SuppliedFile[] => {
  const { project, node, kubernetesKey, manifests = [] } = input;
  const first = kubeadmAction(project, node) === "init";
  return suppliedFiles({
    kubernetesKey,
    kubeVip: kubeVipManifest(
      project,
      node,
      first ? "super-admin.conf" : "admin.conf",
    ),
    registryMirrors: registryMirrorFiles(project.cluster),
    manifests: first ? manifests : [],
  });
};

const withFiles = (
  document: MapTree | undefined,
  files: readonly SuppliedFile[],
): MapTree | undefined => {
  if (document === undefined || files.length === 0) {
    return document;
  }
  const entries = { write_files: files.map(writeFilesEntry) };
  const more = fromValue(entries, document.at);
  return more.kind === "map"
    ? mergeFragments([document, more], () => undefined)
    : document;
};

const digestWithoutPasswords = (
  input: SeedInput,
  supplied: readonly SuppliedFile[],
): string => {
  const { node } = input;
  const wifi = node.network.wifi.map((network) => ({
    ...network,
    password: network.password && secret(""),
  }));
  const blank = {
    ...input,
    node: { ...node, network: { ...node.network, wifi } },
  };
  const values = seedValues({ ...blank, files: input.library.files });
  return digest(blank, values, supplied);
};

/**
 * Twelve hex digits that change exactly when cloud-init has something different to do. The build time is left out, and
 * packed files count unpacked, because two versions of zlib may pack the same text differently.
 */
const digest = (
  { project, node, secrets, library }: SeedInput,
  values: Values,
  supplied: readonly SuppliedFile[],
): string => {
  const timeless = new Map(values).set(
    "node.env",
    nodeEnvironment(project, node, secrets, new Date(0)),
  );
  const ignore = () => undefined;
  const profile = profileDocument(library, node, timeless, ignore);
  const network = networkDocument(library, node, timeless, ignore);
  const all = [
    profile && toValue(profile),
    network && toValue(network),
    supplied,
  ];
  return createHash("sha256")
    .update(JSON.stringify(all))
    .digest("hex")
    .slice(0, 12);
};
