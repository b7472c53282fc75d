// Writes what lets others check a release and find it: the list for Imager, the provenance, the checksums, the signature.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../system/atomic-file.ts";
import { renderOsList } from "./os-list.ts";
import { bmapFile, bomFile, RELEASE_FILES } from "./plan-release.ts";
import { renderProvenance } from "./provenance.ts";
import type { MadeImage, ReleaseJob } from "./release-job.ts";

const writeOsList = async (
  job: ReleaseJob,
  made: readonly MadeImage[],
): Promise<readonly string[]> => {
  const { listing, plan, project, out, buildTime } = job;
  if (listing === undefined) {
    return [];
  }
  const addressOf = (file: string) => new URL(file, listing.url).href;
  const images = made.flatMap(({ step, base, archives, ...image }) => {
    const [archive] = archives;
    return archive === undefined
      ? []
      : {
          role: step.role,
          base: { wanted: step.base, name: base.name },
          kubernetes: project.cluster.kubernetes.minor,
          url: addressOf(archive.file),
          bmapUrl: addressOf(bmapFile(step)),
          archiveBytes: archive.bytes,
          archiveSha256: archive.sha256,
          imageBytes: image.imageBytes,
          imageSha256: image.imageSha256,
        };
  });
  await writeFileAtomically(
    join(out, RELEASE_FILES.osList),
    renderOsList({
      name: plan.name,
      icon: listing.icon,
      date: buildTime,
      images,
    }),
  );
  return [RELEASE_FILES.osList];
};

const digestOf = async ({ out }: ReleaseJob, file: string) => ({
  name: file,
  sha256: createHash("sha256")
    .update(await readFile(join(out, file)))
    .digest("hex"),
});

/**
 * Writes what proves the images and the files beside them: the provenance, the checksums and, with a signing key, the
 * signature.
 */
export const writeProofs = async (
  job: ReleaseJob,
  made: readonly MadeImage[],
): Promise<void> => {
  const { out, plan, signer, project, version, env } = job;
  const archives = made.flatMap((image) =>
    image.archives.map(({ file, sha256 }) => ({ name: file, sha256 })),
  );
  const small = [
    ...made.flatMap(({ step }) => [bmapFile(step), bomFile(step)]),
    RELEASE_FILES.tool,
    ...(await writeOsList(job, made)),
  ];
  const others: { readonly name: string; readonly sha256: string }[] = [];
  for (const file of small) {
    others.push(await digestOf(job, file));
  }
  const subjects = [...archives, ...others];
  await writeFileAtomically(
    join(out, RELEASE_FILES.provenance),
    renderProvenance({
      plan,
      subjects,
      images: made.map(({ step: { role }, base, bundle }) => ({
        role,
        base,
        bundle,
      })),
      kubernetes: project.cluster.kubernetes,
      version,
      env,
    }),
  );
  const listed = [...subjects, await digestOf(job, RELEASE_FILES.provenance)];
  const sums = listed
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, sha256 }) => `${sha256}  ${name}\n`)
    .join("");
  await writeFileAtomically(join(out, RELEASE_FILES.checksums), sums);
  if (signer !== undefined) {
    await writeFileAtomically(
      join(out, RELEASE_FILES.signature),
      await signer.sign(Buffer.from(sums)),
    );
    await writeFileAtomically(
      join(out, RELEASE_FILES.publicKey),
      signer.publicKey,
    );
  }
};
