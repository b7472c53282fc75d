// Makes the release that a plan describes: images that were searched for secrets, and what lets others check and use them.
import { lstat, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { baseSystem } from "../inventory/boards/systems.ts";
import type { ProvenBase } from "../base/proven-base.ts";
import { mapUsed, mapWhole } from "../image/block-map.ts";
import { prepareBase } from "../image/node-patch.ts";
import { type Patch, patchedSource } from "../image/patch.ts";
import type { Range } from "../image/range.ts";
import { ifAbsent } from "../report/expected-failure.ts";
import type { RoleSeed } from "../seed/seed.ts";
import { kubernetesPackages } from "../seed/node-facts.ts";
import {
  removeStalePartials,
  writeFileAtomically,
} from "../system/atomic-file.ts";
import { packageFile } from "../system/package-files.ts";
import { renderBom } from "./bom.ts";
import { roleComponents } from "./components.ts";
import { demandNoSecrets } from "./demand-no-secrets.ts";
import { bomFile, RELEASE_FILES, type ReleaseStep } from "./plan-release.ts";
import type { MadeImage, ReleaseJob } from "./release-job.ts";
import { makeRoleImage } from "./role-image.ts";
import { writeImage } from "./write-image.ts";
import { writeProofs } from "./write-proofs.ts";
import { ignoreAllInGit } from "../system/ignore-file.ts";
import { makeFolder } from "../system/make-folder.ts";

/** An image that was searched for secrets and may be written. */
type ReadyImage = {
  readonly step: ReleaseStep;
  readonly seed: RoleSeed;
  readonly base: ProvenBase;
  readonly patch: Patch;
  /** Bytes of the raw image. */
  readonly size: number;
  readonly ranges: readonly Range[];
};

const lookThrough = async (
  job: ReleaseJob,
  step: ReleaseStep,
): Promise<ReadyImage> => {
  const { project, buildTime, version, report, signal } = job;
  const base = job.bases.get(step.base);
  const seed = job.seedOf(step);
  if (base === undefined) {
    throw new Error(`${step.name} has no base`);
  }
  const source = await base.source("image");
  const { patch, texts } = await makeRoleImage(await prepareBase(source), {
    step,
    seed,
    base,
    kubernetes: project.cluster.kubernetes,
    buildTime,
    version,
  });
  const { ranges, notes } = base.known
    ? await mapUsed(patchedSource(source, patch))
    : mapWhole(source.size);
  for (const message of notes) {
    report({ type: "notice", message, subject: step.name });
  }
  // A bundle may have images of a registry of one's own.
  const searched = !job.published.has(step.base)
    ? ranges
    : base.carries === undefined
      ? []
      : [base.carries.insertion];
  await demandNoSecrets({
    name: step.name,
    texts,
    image:
      searched.length === 0
        ? undefined
        : {
            source,
            patch,
            ranges: searched,
            subject: step.name,
            report,
            signal,
          },
    known: job.known,
    notSecret: job.notSecret,
  });
  return { step, seed, base, patch, size: source.size, ranges };
};

const makeImage = async (
  job: ReleaseJob,
  { step, seed, base, patch, size, ranges }: ReadyImage,
): Promise<MadeImage> => {
  const { out, plan, project, buildTime, version, report, signal } = job;
  const { cluster } = project;
  const bundle = job.bundles.get(step.base);
  const written = await writeImage({
    step,
    out,
    formats: plan.formats,
    base,
    size,
    patch,
    ranges,
    report,
    signal,
  });
  await writeFileAtomically(
    join(out, bomFile(step)),
    renderBom({
      subject: {
        type: "firmware",
        name: step.name,
        version: cluster.kubernetes.patch,
        sha256: written.imageSha256,
      },
      components: roleComponents({
        cluster,
        system: baseSystem(step.base),
        base,
        vendorData: seed.vendorData,
        packages: kubernetesPackages(project),
        bundle,
      }),
      version,
      time: buildTime,
    }),
  );
  return { ...written, step, base, bundle };
};

/**
 * Makes the folder and has git ignore its content: in the work tree of a project, gigabytes of a release could be committed
 * by accident.
 */
const makeReleaseFolder = async (out: string): Promise<void> => {
  const isNew = await lstat(out).then(
    () => false,
    (error: unknown) => ifAbsent(error, true),
  );
  await makeFolder(out);
  if (isNew) {
    await ignoreAllInGit(out);
  }
};

/**
 * All images are searched before the first is written, so that an earlier release in the folder stays complete if one of
 * them must not be published.
 * @throws UserError RELEASE_HOLDS_SECRET
 */
export const runRelease = async (job: ReleaseJob): Promise<void> => {
  const { out, plan } = job;
  const ready: ReadyImage[] = [];
  for (const step of plan.steps) {
    ready.push(await lookThrough(job, step));
  }
  await job.keep();
  await makeReleaseFolder(out);
  await removeStalePartials(out);
  // An old list would describe other files; without a list, a half-finished folder cannot be mistaken for a release.
  for (const file of [RELEASE_FILES.checksums, RELEASE_FILES.signature]) {
    await rm(join(out, file), { force: true });
  }
  const made: MadeImage[] = [];
  for (const image of ready) {
    made.push(await makeImage(job, image));
  }
  await writeFileAtomically(
    join(out, RELEASE_FILES.tool),
    await readFile(packageFile(`docs/reference/${RELEASE_FILES.tool}`)),
  );
  await writeProofs(job, made);
};
