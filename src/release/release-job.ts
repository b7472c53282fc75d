// What a release is made from, and what was made for each image.
import type { ProvenBase } from "../base/proven-base.ts";
import type { Bundle } from "../bundle/make-bundle.ts";
import type { ResolvedProject } from "../inventory/resolved.ts";
import type { Report } from "../report/events.ts";
import type { RoleSeed } from "../seed/seed.ts";
import type { KnownSecret } from "./find-secrets.ts";
import type { ReleasePlan, ReleaseStep } from "./plan-release.ts";
import type { Signer } from "./sign.ts";
import type { WrittenImage } from "./write-image.ts";

export type ReleaseJob = {
  readonly plan: ReleasePlan;
  readonly project: ResolvedProject;
  readonly seedOf: (step: ReleaseStep) => RoleSeed;
  /** With what the images carry in them. */
  readonly bases: ReadonlyMap<string, ProvenBase>;
  /** What the images carry, by the name of the base; empty without `--with-bundle`. */
  readonly bundles: ReadonlyMap<string, Bundle>;
  /** Records what the images carry; called when nothing but the disk can stop the release any more. */
  readonly keep: () => Promise<void>;
  /** Names of bases that their makers have published and signed, so that nothing in them is secret. */
  readonly published: ReadonlySet<string>;
  readonly out: string;
  readonly buildTime: Date;
  readonly version: string;
  readonly known: readonly KnownSecret[];
  /** Places that the user has checked and accepted with `--not-secret`. */
  readonly notSecret: ReadonlySet<string>;
  readonly signer: Signer | undefined;
  /** Where the files will be published, and the picture that Imager shows; undefined where no list is made for Imager. */
  readonly listing: { readonly url: URL; readonly icon: string } | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly report: Report;
  readonly signal: AbortSignal;
};

/** An image that was written, and what it was made from. */
export type MadeImage = WrittenImage & {
  readonly step: ReleaseStep;
  readonly base: { readonly name: string; readonly sha256: string };
  readonly bundle: Bundle | undefined;
};
