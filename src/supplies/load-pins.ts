// Loads what the package pins: the manifests of the network plug-ins and the key of the Kubernetes packages.
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";
import { CNIS } from "../inventory/resolved.ts";
import { packageFile } from "../system/package-files.ts";

const manifestSchema = z.strictObject({
  version: z.string(),
  /** A chart is rendered with helm; a manifest is applied as it is. */
  kind: z.enum(["manifest", "chart"]),
  url: z.url({ protocol: /^https$/ }),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const pinsSchema = z.strictObject({
  manifests: z.record(z.enum(CNIS), manifestSchema),
  /** csi-driver-nfs: its manifests in the order in which they are applied. */
  storage: z.strictObject({
    version: z.string(),
    manifests: z.array(manifestSchema.pick({ url: true, sha256: true })).min(1),
  }),
  keys: z.strictObject({
    kubernetes: z.strictObject({
      /** The primary key's fingerprint, in capitals without spaces. */
      fingerprint: z.string().regex(/^[0-9A-F]{40}$/),
    }),
  }),
});

export type PinnedManifest = Readonly<z.infer<typeof manifestSchema>>;

export type Pins = Readonly<z.infer<typeof pinsSchema>>;

/** Reads profiles/manifests.yaml; a mistake in it is our bug, and thrown as such. */
export const loadPins = async (): Promise<Pins> =>
  pinsSchema.parse(
    parse(await readFile(packageFile("profiles/manifests.yaml"), "utf8")),
  );
