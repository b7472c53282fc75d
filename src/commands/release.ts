// pi-image release: role images without any identity, with checksums, a signature and bills of materials.
import { wrongArguments } from "../terminal/demand-arguments.ts";
import { join, relative } from "node:path";
import { z } from "zod";
import type { Bundle } from "../bundle/make-bundle.ts";
import { loadLock, lockPath } from "../project/lock-file.ts";
import { pinIn } from "../project/lock-bases.ts";
import { demandBundles } from "../project/renew-bundles.ts";
import { openBases } from "../project/open-bases.ts";
import { demandOutFolder, explainFullDisk } from "../build/out-folder.ts";
import { loadSigner, KEY_VARIABLE } from "../release/load-signing-key.ts";
import { DEFAULT_ICON } from "../release/os-list.ts";
import {
  planRelease,
  RELEASE_FILES,
  RELEASE_FORMATS,
  type ReleasePlan,
} from "../release/plan-release.ts";
import { runRelease } from "../release/run-release.ts";
import { releaseBundles } from "../release/release-bundles.ts";
import { renderRoleSeed } from "../seed/render-role-seed.ts";
import { buildTime } from "../system/clock.ts";
import { packageVersion } from "../system/package-files.ts";
import type { Context } from "../terminal/context.ts";
import { demandOtherFiles } from "./demand/demand-other-files.ts";
import { tellWhatGitTracks } from "../project/keep-out-of-git.ts";
import { knownSecrets } from "./known-secrets.ts";
import { demandNoErrors } from "../project/opened-project.ts";
import { openProject } from "./open-project.ts";
import { publishedBases } from "../project/published-bases.ts";
import { releaseImages } from "../release/release-images.ts";
import { showBases } from "./show-images.ts";
import { signersOf } from "./signers.ts";
import { imageFiles } from "./source-files.ts";

const releaseOptions = z.object({
  inventory: z.string(),
  role: z.string().optional(),
  name: z.string().optional(),
  base: z.string().optional(),
  sha256: z.string().optional(),
  signedBy: z.string().optional(),
  format: z.array(z.string()).optional(),
  out: z.string(),
  url: z.string().optional(),
  icon: z.string().optional(),
  signingKey: z.string().optional(),
  notSecret: z.array(z.string()).optional(),
  insecure: z.boolean().optional(),
  allowExec: z.boolean().optional(),
  withBundle: z.boolean().default(false),
  dryRun: z.boolean().optional(),
});

type ReleaseOptions = z.infer<typeof releaseOptions>;

const formatsOf = ({ format = ["img.xz"] }: ReleaseOptions) => {
  const unknown = format.find(
    (name) => !RELEASE_FORMATS.some((known) => known === name),
  );
  if (unknown !== undefined) {
    throw wrongArguments(
      `a release has no format ${unknown}`,
      `give ${RELEASE_FORMATS.join(" or ")}`,
    );
  }
  return RELEASE_FORMATS.filter((known) => format.includes(known));
};

const nameOf = (name: string): string => {
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/i.test(name)) {
    throw wrongArguments(
      `${JSON.stringify(name)} cannot be the beginning of the files' names`,
      "give --name with letters, digits, dots and dashes",
    );
  }
  return name;
};

/** The address is a folder's, so it needs a slash at its end: otherwise the names of the files would replace its last part. */
const addressOf = (url: string | undefined): URL | undefined => {
  if (url === undefined) {
    return undefined;
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw wrongArguments(
      `${url} is not an address where files can be published`,
      "give one that begins with https://",
    );
  }
  return new URL(url.endsWith("/") ? url : `${url}/`);
};

const printReleasePlan = (context: Context, plan: ReleasePlan): void => {
  context.printJson({ type: "plan", plan });
  context.print(
    [
      `release ${plan.name}: ${plan.steps.length} images as ${plan.formats.join(" and ")}, ${plan.signed ? "signed" : "not signed"}${plan.withBundle ? ", each with the bundle of its base" : ""}`,
      ...plan.steps.flatMap(({ name, role, base, outputs }) => [
        `  ${name} (${role}) from ${base}:`,
        ...outputs.map((path) => `    ${path}`),
      ]),
      ...plan.outputs.map((path) => `  ${path}`),
    ].join("\n"),
  );
};

export const release = async (
  context: Context,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = releaseOptions.parse(given);
  const { env, report, signal } = context;
  const { out } = options;
  const url = addressOf(options.url);
  const loaded = await openProject(context, {
    inventory: options.inventory,
    role: options.role,
    mayBeImplied: true,
    secrets: "unneeded",
  });
  const { project } = loaded;
  const { withBundle } = options;
  if (withBundle) {
    demandBundles(loaded, options.inventory);
  }
  const lockFile = lockPath(loaded.folder, options.inventory);
  const time = buildTime(env);
  const version = packageVersion();
  const { images, problems: refused } = releaseImages(project, {
    role: options.role,
    base: options.base,
  });
  demandNoErrors(context, refused, loaded.files);
  const render = (
    image: (typeof images)[number],
    bundle?: Pick<Bundle, "index">,
  ) => {
    const { seed, leftOut, problems } = renderRoleSeed({
      project,
      ...image,
      library: loaded.library,
      buildTime: time,
      bundle,
      version,
    });
    demandNoErrors(context, problems, loaded.files);
    if (seed === undefined) {
      throw new Error(`${image.role} has no errors and no seed either`);
    }
    return { seed, leftOut };
  };
  // Whatever is wrong with them is said before anything is fetched.
  for (const image of images) {
    context.remark(
      `${image.role}: left for the node's own seed: ${render(image).leftOut.join(", ")}`,
    );
  }
  const signer = await loadSigner({
    file: options.signingKey,
    env,
    now: new Date(),
  });
  const plan = planRelease({
    name: nameOf(options.name ?? project.cluster.name),
    images,
    formats: formatsOf(options),
    out,
    buildTime: time,
    signed: signer !== undefined,
    withBundle,
    listed: url !== undefined,
  });
  if (options.dryRun === true) {
    printReleasePlan(context, plan);
    return;
  }
  if (signer === undefined) {
    report({
      type: "warning",
      message: "the release is not signed, so nobody can tell who made it",
      hint: `give a key with --signing-key or in ${KEY_VARIABLE}`,
    });
  }
  await demandOutFolder(out);
  // Called before anything is downloaded, because it may ask whether a command may run.
  const known = await knownSecrets(context, loaded, options.inventory, {
    allowExec: options.allowExec === true,
    remember: true,
  });
  const bases = await openBases(
    plan.steps.map(({ base }) => base),
    {
      // A release must never be made from a sample that only stands in for a base.
      explicit: true,
      sha256: options.sha256,
      signedBy: signersOf(options, loaded.trust),
      insecure: options.insecure === true,
      pinOf: pinIn(await loadLock(lockFile), relative(context.cwd, lockFile)),
      mirrors: project.cluster.mirrors.baseImages,
      env,
      report,
      signal,
    },
  );
  let closeBundles = async (): Promise<void> => undefined;
  try {
    await demandOtherFiles(
      [
        ...plan.steps.flatMap(({ outputs }) => outputs),
        ...plan.outputs,
        ...Object.values(RELEASE_FILES).map((name) => join(out, name)),
      ],
      [
        ...[...bases.values()].flatMap(({ path }) =>
          imageFiles(path, "the base image"),
        ),
        { path: options.inventory, what: "the inventory" },
        ...loaded.named.map((path) => ({
          path,
          what: "a file that the inventory names",
        })),
        ...(options.signingKey === undefined
          ? []
          : [{ path: options.signingKey, what: "the signing key" }]),
      ],
    );
    await showBases(context, bases.values(), "image");
    const published = await publishedBases(bases, env);
    const carried = await releaseBundles(context, loaded, bases, {
      inventory: options.inventory,
      withBundle,
    });
    closeBundles = carried.close;
    await explainFullDisk(out, () =>
      runRelease({
        plan,
        project,
        seedOf: ({ role, base }) =>
          render({ role, base }, carried.bundles.get(base)).seed,
        bases: carried.bases,
        bundles: carried.bundles,
        keep: carried.keep,
        published,
        out,
        buildTime: time,
        version,
        known,
        notSecret: new Set(options.notSecret),
        signer,
        listing:
          url === undefined
            ? undefined
            : { url, icon: options.icon ?? DEFAULT_ICON },
        env,
        report,
        signal,
      }),
    );
  } finally {
    await closeBundles();
    await Promise.all([...bases.values()].map((base) => base.close()));
  }
  await tellWhatGitTracks(context, {
    folder: loaded.folder,
    out: join(loaded.folder, "out"),
  });
  context.printJson({ type: "result", plan });
  context.print(
    plan.steps
      .map(({ outputs }) => `released ${outputs[0] ?? ""}`)
      .concat(
        signer === undefined ? [] : [`signed by the key ${signer.fingerprint}`],
      )
      .join("\n"),
  );
};
