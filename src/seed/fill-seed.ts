// Fills the documents of one node's seed with its values, as far as nothing has to be fetched for them.
import { systemFacts } from "../inventory/boards/systems.ts";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import type { ClusterSecrets } from "../kubernetes/secrets/cluster-secrets.ts";
import { hasErrors, type Problem } from "../report/problem.ts";
import { secret } from "../report/secret.ts";
import { checkHostSettings } from "./host-files.ts";
import { checkAuthorityFiles } from "./check-authority-files.ts";
import { checkForScript } from "./check-script.ts";
import { checkWrittenFiles } from "./library/check-written-files.ts";
import type { Library } from "./library/library.ts";
import type { Values } from "./library/substitute.ts";
import { type MapTree, toValue, type Value } from "./library/tree.ts";
import { nodeEnvironment } from "./node-environment.ts";
import { filesForNode, type SuppliedManifest } from "./node-files.ts";
import { networkDocument, profileDocument } from "./seed-documents.ts";
import { seedValues } from "./seed-values.ts";
import { withFiles } from "./supplied-files.ts";

export type SeedInput = {
  readonly project: ResolvedProject;
  readonly node: ResolvedNode;
  /** The cluster's secrets, with credentials for this node. */
  readonly secrets: ClusterSecrets;
  readonly library: Library;
  readonly buildTime: Date;
  /** The day on which the cluster was first seen running, YYYY-MM-DD; undefined where it never was. */
  readonly ranOn?: string | undefined;
  /** The digest of the snapshot that the card begins with, as hexadecimal digits; undefined where it begins with none. */
  readonly restores?: string | undefined;
  /** The version of pi-image, for the documents' headers. */
  readonly version: string;
};

export type FilledSeed = Pick<
  SeedInput,
  "project" | "node" | "library" | "version"
> & {
  readonly cloudConfig: MapTree;
  readonly network: MapTree;
  /** The same documents without what differs between two builds of the same: what the instance's digest is made of. */
  readonly timeless: readonly Value[];
  /** And without the Wi-Fi passwords. */
  readonly withoutPasswords: readonly Value[];
};

type FillResult = {
  /** Undefined when a problem is an error. */
  readonly filled: FilledSeed | undefined;
  readonly problems: readonly Problem[];
};

/**
 * Pure. Mistakes in the profile's fragments are returned as problems; two nodes that use the same fragment report its
 * mistakes twice. A fragment that writes a file of the node which is supplied is found here only for the manifests at hand.
 */
export const fillSeed = (
  input: SeedInput,
  manifestsAtHand: readonly SuppliedManifest[],
): FillResult => {
  const { library, node, project } = input;
  const problems: Problem[] = [];
  const report = (problem: Problem): void => {
    problems.push(problem);
  };
  const values = seedValues({ ...input, files: library.files });
  checkHostSettings(node, report);
  const cloudConfig = profileDocument(library, node, values, report);
  const network = networkDocument(library, node, values, report);
  if (cloudConfig !== undefined) {
    const files = filesForNode(input, { manifests: manifestsAtHand });
    const document = withFiles(cloudConfig, files);
    checkWrittenFiles(document, report);
    checkAuthorityFiles(document, input, report);
    if (
      network !== undefined &&
      !hasErrors(problems) &&
      !systemFacts(node.base).cloudInit
    ) {
      checkForScript(node, { userData: document, network }, library, report);
    }
  }
  if (
    cloudConfig === undefined ||
    network === undefined ||
    hasErrors(problems)
  ) {
    return { filled: undefined, problems };
  }
  const timeless = timelessDocuments(input, values);
  return {
    filled: {
      project,
      node,
      library,
      version: input.version,
      cloudConfig,
      network,
      timeless,
      withoutPasswords:
        node.network.wifi.length === 0
          ? timeless
          : documentsWithoutPasswords(input),
    },
    problems,
  };
};

const documentsWithoutPasswords = (input: SeedInput): readonly Value[] => {
  const { node, library } = input;
  const wifi = node.network.wifi.map((network) => ({
    ...network,
    password: network.password && secret(""),
    eap:
      network.eap?.method === "tls"
        ? {
            ...network.eap,
            key: secret(""),
            keyPassword: network.eap.keyPassword && secret(""),
          }
        : network.eap,
  }));
  const blank = {
    ...input,
    node: { ...node, network: { ...node.network, wifi } },
  };
  return timelessDocuments(
    blank,
    seedValues({ ...blank, files: library.files }),
  );
};

const timelessDocuments = (
  input: SeedInput,
  values: Values,
): readonly Value[] => {
  const { project, node, secrets, library } = input;
  const timeless = new Map(values).set(
    "node.env",
    nodeEnvironment(
      project,
      node,
      secrets,
      new Date(0),
      undefined,
      input.restores,
    ),
  );
  const ignore = () => undefined;
  return [
    profileDocument(library, node, timeless, ignore),
    networkDocument(library, node, timeless, ignore),
  ].flatMap((document) => (document === undefined ? [] : [toValue(document)]));
};
