// The statement of where a release comes from: in-toto Statement v1 with SLSA provenance v1.
// https://in-toto.io/Statement/v1 and https://slsa.dev/spec/v1.0/provenance
import type { Bundle } from "../bundle/make-bundle.ts";
import type { ReleasePlan } from "./plan-release.ts";

type Named = { readonly name: string; readonly sha256: string };

type ProvenanceInput = {
  readonly plan: ReleasePlan;
  /** The released files. */
  readonly subjects: readonly Named[];
  /** The role of each image, its base, and what it carries. */
  readonly images: readonly {
    readonly role: string;
    readonly base: Named;
    readonly bundle?: Pick<Bundle, "sha256" | "locked"> | undefined;
  }[];
  readonly kubernetes: { readonly minor: string; readonly patch: string };
  /** The version of pi-image. */
  readonly version: string;
  /** The environment, in which GitHub Actions, or a compatible service, says what it runs. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

/**
 * Who built it. On GitHub, the names are those in its own attestations; elsewhere the builder is pi-image itself, on a
 * computer that nobody vouches for. https://docs.github.com/en/actions/reference/workflows-and-actions/variables
 */
const builderOf = ({ env, version }: ProvenanceInput) => {
  const server = env["GITHUB_SERVER_URL"] ?? "https://github.com";
  const workflow = env["GITHUB_WORKFLOW_REF"];
  const repository = env["GITHUB_REPOSITORY"];
  const run = env["GITHUB_RUN_ID"];
  const commit = env["GITHUB_SHA"];
  if (
    env["GITHUB_ACTIONS"] !== "true" ||
    workflow === undefined ||
    repository === undefined
  ) {
    return {
      builder: { id: `pkg:npm/pi-image@${version}` },
      metadata: {},
      sources: [],
    };
  }
  return {
    builder: { id: `${server}/${workflow}` },
    metadata:
      run === undefined
        ? {}
        : {
            invocationId: `${server}/${repository}/actions/runs/${run}/attempts/${env["GITHUB_RUN_ATTEMPT"] ?? "1"}`,
          },
    sources:
      commit === undefined
        ? []
        : [
            {
              uri: `git+${server}/${repository}@${env["GITHUB_REF"] ?? commit}`,
              digest: { gitCommit: commit },
            },
          ],
  };
};

/** Leaves out the time of the run, which would make the file different every time. */
export const renderProvenance = (input: ProvenanceInput): string => {
  const { plan, subjects, images, kubernetes, version } = input;
  const used = new Map(
    images.flatMap(({ base, bundle }) => [
      [base.sha256, base.name] as const,
      ...(bundle === undefined
        ? []
        : [[bundle.sha256, `the bundle for ${bundle.locked.base}`] as const]),
    ]),
  );
  const { builder, metadata, sources } = builderOf(input);
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: subjects.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: "pkg:npm/pi-image#release-v1",
        externalParameters: {
          name: plan.name,
          // Not the base as it was given, which may be a path on somebody's computer.
          images: images.map(({ role, base }) => ({ role, base: base.name })),
          formats: plan.formats,
          kubernetes,
          buildTime: plan.buildTime,
          ...(plan.withBundle ? { withBundle: true } : {}),
        },
        resolvedDependencies: [
          ...[...used].map(([sha256, name]) => ({
            name,
            digest: { sha256 },
          })),
          { uri: `pkg:npm/pi-image@${version}` },
          ...sources,
        ],
      },
      runDetails: { builder, metadata },
    },
  };
  return `${JSON.stringify(statement, undefined, 2)}\n`;
};
