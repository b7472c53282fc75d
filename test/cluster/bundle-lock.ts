// A lockfile that has a bundle for nodes with Ubuntu 24.04.
import type { LockedBundle } from "../../src/bundle/locked-bundle.ts";

export const bundleLock = ({
  index = "1".repeat(64),
  sha256 = "2".repeat(64),
  kubernetes = "1.36.5",
  date = new Date("2026-11-29T08:00:00Z"),
}: {
  readonly index?: string;
  readonly sha256?: string;
  readonly kubernetes?: string;
  /** Of its lists. */
  readonly date?: Date;
}): string =>
  JSON.stringify({
    schema: 1,
    kubernetes: { minor: "1.36", patch: kubernetes },
    bases: [],
    manifests: [],
    keys: [],
    bundles: [
      {
        base: "ubuntu-24.04",
        baseSha256: "0".repeat(64),
        system: "ubuntu-24.04",
        kubernetes,
        wanted: [],
        lists: [{ name: "noble", date: date.toISOString() }],
        packages: [],
        images: [],
        index,
        sha256,
      } satisfies LockedBundle,
    ],
  });
