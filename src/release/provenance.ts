// The statement of where a release comes from: in-toto Statement v1 with SLSA provenance v1.
// https://in-toto.io/Statement/v1 and https://slsa.dev/spec/v1.0/provenance
import type { ReleasePlan } from "./plan-release.ts";

type Named = { readonly name: string; readonly sha256: string };

type ProvenanceInput = {
  readonly plan: ReleasePlan;
  /** The released files. */
  readonly subjects: readonly Named[];
  /** Each role and the base of its image. */
  readonly images: readonly { readonly role: string; readonly base: Named }[];
  readonly kubernetes: { readonly minor: string; readonly patch: string };
  /** Of pi-image. */
  readonly version: string;
  /** Where GitHub Actions, or a service that speaks like it, says what it runs. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

/**
 * Who built it. GitHub's names are those of the published attestations; elsewhere it is pi-image itself, on a computer that
 * nobody vouches for. https://docs.github.com/en/actions/reference/workflows-and-actions/variables
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

/** No time of the run: it would make every run's file another. */
export const renderProvenance = (input: ProvenanceInput): string => {
  const { plan, subjects, images, kubernetes, version } = input;
  const bases = new Map(images.map(({ base }) => [base.sha256, base]));
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
          // Not as it was given: that may be a path on somebody's computer.
          images: images.map(({ role, base }) => ({ role, base: base.name })),
          formats: plan.formats,
          kubernetes,
          buildTime: plan.buildTime,
        },
        resolvedDependencies: [
          ...[...bases.values()].map(({ name, sha256 }) => ({
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
