// pi-image.json on the boot partition: which image this is. It holds no secret and stays on the card after the node has set
// itself up.
import { z } from "zod";
import { ifOneOf } from "../report/expected-failure.ts";
import { editFat } from "../image/fat/edit-fat.ts";
import type { PreparedBase } from "../image/node-patch.ts";
import {
  ROLES,
  type ResolvedCluster,
  type Role,
} from "../inventory/resolved.ts";
import type { BaseRecord } from "../base/base-request.ts";
import type { NodeSeed } from "../project/render-seeds.ts";

export const BUILD_MARKER = "pi-image.json";

/** Raised when a field changes its meaning. */
const MARKER_SCHEMA = 1;

type Base = { readonly name: string; readonly sha256: string };

export type BuildFacts = {
  readonly cluster: ResolvedCluster;
  readonly base: Base;
  readonly buildTime: Date;
  readonly version: string;
};

const roleSchema = z.object({
  schema: z.literal(MARKER_SCHEMA),
  roleImage: z.string(),
  role: z.enum(ROLES),
  base: z.object({ name: z.string(), sha256: z.string() }),
  sample: z.boolean(),
});

/** What a role image says about itself. */
export type RoleMarker = Readonly<z.infer<typeof roleSchema>>;

const markerNodeSchema = z.object({ node: z.string() });

const render = (fields: Readonly<Record<string, unknown>>): string =>
  `${JSON.stringify({ schema: MARKER_SCHEMA, ...fields }, undefined, 2)}\n`;

export const nodeMarker = (
  { node, seed }: NodeSeed,
  facts: BuildFacts,
): string =>
  render({
    tool: `pi-image ${facts.version}`,
    cluster: facts.cluster.name,
    node: node.name,
    role: node.role,
    instanceId: seed.instanceId,
    base: { name: facts.base.name, sha256: facts.base.sha256 },
    buildTime: facts.buildTime.toISOString(),
  });

type RoleFacts = Omit<BuildFacts, "cluster"> & {
  /** The name of the release's files, without their endings. */
  readonly name: string;
  readonly role: Role;
  readonly kubernetes: ResolvedCluster["kubernetes"];
  readonly instanceId: string;
  /** Whether it was made from the sample base, which no Pi boots. */
  readonly sample: boolean;
};

export const roleMarker = (facts: RoleFacts): string =>
  render({
    tool: `pi-image ${facts.version}`,
    roleImage: facts.name,
    role: facts.role,
    kubernetes: facts.kubernetes,
    instanceId: facts.instanceId,
    base: { name: facts.base.name, sha256: facts.base.sha256 },
    sample: facts.sample,
    buildTime: facts.buildTime.toISOString(),
  });

const readMarker = async ({ fat }: PreparedBase): Promise<unknown> => {
  const { result } = await editFat(fat, new Date(0), (volume) =>
    volume.readFile(BUILD_MARKER),
  );
  try {
    return JSON.parse(result?.toString("utf8") ?? "null");
  } catch (error) {
    return ifOneOf(error, [SyntaxError], undefined);
  }
};

/** The marker of a role image; undefined for any other image. */
export const readRoleMarker = async (
  prepared: PreparedBase,
): Promise<RoleMarker | undefined> =>
  roleSchema.safeParse(await readMarker(prepared)).data;

/** The name of the node that an image was built for; undefined for every other image. */
export const readNodeMarker = async (
  prepared: PreparedBase,
): Promise<string | undefined> =>
  markerNodeSchema.safeParse(await readMarker(prepared)).data?.node;

/** For a role image, the base that it was made from, so that a card's marker is the same whichever of the two it came from. */
export const originalBase = async (
  prepared: PreparedBase,
  record: BaseRecord,
): Promise<Base & { readonly sample: boolean }> => {
  const { base, sample } = (await readRoleMarker(prepared)) ?? {
    base: record,
    sample: record.origin === "sample",
  };
  return { name: base.name, sha256: base.sha256, sample };
};
