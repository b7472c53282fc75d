// Decides which role images a release has and what its files are called; computes only.
import { basename, join } from "node:path";
import type { Role } from "../inventory/resolved.ts";

export const RELEASE_FORMATS = ["img.xz", "img.zst"] as const;
export type ReleaseFormat = (typeof RELEASE_FORMATS)[number];

export type ReleaseStep = {
  /** The name of the files, without their endings: `<release>-<role>-<base>`. */
  readonly name: string;
  readonly role: Role;
  /** The base as the inventory or --base names it. */
  readonly base: string;
  readonly outputs: readonly string[];
};

export type ReleasePlan = {
  readonly name: string;
  readonly formats: readonly ReleaseFormat[];
  /** RFC 3339. */
  readonly buildTime: string;
  readonly signed: boolean;
  /** Whether each image carries the bundle of its base. */
  readonly withBundle: boolean;
  readonly steps: readonly ReleaseStep[];
  /** Files of the whole release. */
  readonly outputs: readonly string[];
};

export const RELEASE_FILES = {
  checksums: "SHA256SUMS",
  /** The name that Ubuntu and others give to a detached signature of that list. */
  signature: "SHA256SUMS.gpg",
  publicKey: "signing-key.asc",
  tool: "pi-image.cdx.json",
  provenance: "provenance.intoto.json",
  /** With this ending, the file opens in Raspberry Pi Imager. */
  osList: "os_list.rpi-imager-manifest",
} as const;

/** In addresses, `+` and other signs must be escaped, and not every client does that, so names have none. */
const slug = (base: string): string =>
  basename(base)
    .replace(/\.(?:xz|gz|bz2|zst|zip)$/i, "")
    .replace(/\.(?:img|raw|wic)$/i, "")
    .replaceAll(/[^A-Za-z0-9._]+/g, "-")
    .replaceAll(/^-|-$/g, "");

export const imageFile = (
  { name }: Pick<ReleaseStep, "name">,
  format: ReleaseFormat,
): string => `${name}.${format}`;

export const bmapFile = ({ name }: Pick<ReleaseStep, "name">): string =>
  `${name}.img.bmap`;

export const bomFile = ({ name }: Pick<ReleaseStep, "name">): string =>
  `${name}.cdx.json`;

type PlanInput = {
  readonly name: string;
  /** The images to make, each pair once, in order. */
  readonly images: readonly { readonly role: Role; readonly base: string }[];
  readonly formats: readonly ReleaseFormat[];
  readonly out: string;
  readonly buildTime: Date;
  readonly signed: boolean;
  readonly withBundle?: boolean;
  /** Whether it is known where the files will be published. */
  readonly listed: boolean;
};

export const planRelease = (input: PlanInput): ReleasePlan => {
  const { out, formats, signed, withBundle = false } = input;
  const steps = input.images.map(({ role, base }) => {
    const step = { name: `${input.name}-${role}-${slug(base)}`, role, base };
    const files = [
      ...formats.map((format) => imageFile(step, format)),
      bmapFile(step),
      bomFile(step),
    ];
    return { ...step, outputs: files.map((file) => join(out, file)) };
  });
  const files = [
    RELEASE_FILES.tool,
    RELEASE_FILES.provenance,
    ...(input.listed ? [RELEASE_FILES.osList] : []),
    RELEASE_FILES.checksums,
    ...(signed ? [RELEASE_FILES.signature, RELEASE_FILES.publicKey] : []),
  ];
  return {
    name: input.name,
    formats,
    buildTime: input.buildTime.toISOString(),
    signed,
    withBundle,
    steps,
    outputs: files.map((file) => join(out, file)),
  };
};
