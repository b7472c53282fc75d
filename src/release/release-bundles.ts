// What role images carry beside their base: nothing, or with --with-bundle the bundle of each base, and what that means for those who
// publish them.
import type { ProvenBase } from "../base/proven-base.ts";
import type { Bundle } from "../bundle/make-bundle.ts";
import type {
  CommandSurroundings,
  OpenedProject,
} from "../project/opened-project.ts";
import { carryBundles } from "../project/prepare-bundles.ts";
import { bundlesOfBases } from "../project/renew-bundles.ts";
import { formatBytes } from "../report/amounts.ts";
import type { Report } from "../report/events.ts";

type ReleaseBundles = {
  /** The bases as the images get them. */
  readonly bases: ReadonlyMap<string, ProvenBase>;
  /** By the inventory's name of the base. */
  readonly bundles: ReadonlyMap<string, Bundle>;
  /** Records them in the lockfile. */
  readonly keep: () => Promise<void>;
  /** Closes what the images carry, and not the bases themselves. */
  readonly close: () => Promise<void>;
};

const registriesOf = ({ locked }: Bundle): readonly string[] =>
  [
    ...new Set(locked.images.map(({ name }) => name.split("/")[0] ?? "")),
  ].sort();

/**
 * Whoever passes on binaries under the GPL owes the source or an offer of it; a package of Debian brings its licences along.
 * https://www.gnu.org/licenses/old-licenses/gpl-2.0.html (section 3), https://www.debian.org/doc/debian-policy/ch-docs.html (12.5)
 */
const tellLicences = (
  bundles: ReadonlyMap<string, Bundle>,
  report: Report,
): void => {
  for (const bundle of bundles.values()) {
    const { base, packages, images } = bundle.locked;
    report({
      type: "warning",
      message: `the images for ${base} carry ${packages.length} packages and ${images.length} container images of others (${formatBytes(bundle.bytes)}): whoever publishes them passes these on`,
      hint: `many are under the GPL, which asks for the source code or an offer of it, the others under licences that ask for their text; the bill of materials beside each image (.cdx.json) lists them all. Each package has its licences in usr/share/doc/PACKAGE. Images of ${registriesOf(bundle).join(", ")} become public with the release.`,
    });
  }
};

/** Without bundles it says once what such images do. */
const tellOfNone = ({ project }: OpenedProject, report: Report): void => {
  const { name, bundle, offline } = project.cluster;
  if (bundle) {
    report({
      type: "notice",
      message: `role images carry no bundle: flashed as they are, they need the internet at their first boot${offline ? `, although ${name} is offline` : ""}; \`pi-image flash TARGET IMAGE --host NODE\` puts the bundle onto the node's card, and \`release --with-bundle\` into the images`,
    });
  }
};

/**
 * Fetches the bundles, and says what they mean before anything is written. Throws what `bundlesOfBases` throws, and BASE_CANNOT_CARRY;
 * everything but the bases is closed then.
 */
export const releaseBundles = async (
  surroundings: CommandSurroundings,
  opened: OpenedProject,
  bases: ReadonlyMap<string, ProvenBase>,
  {
    inventory,
    withBundle,
  }: { readonly inventory: string; readonly withBundle: boolean },
): Promise<ReleaseBundles> => {
  const { report } = surroundings;
  if (!withBundle) {
    tellOfNone(opened, report);
    const nothing = async () => undefined;
    return { bases, bundles: new Map(), keep: nothing, close: nothing };
  }
  const { bundles, keep } = await bundlesOfBases(surroundings, opened, bases, {
    inventory,
    anew: false,
  });
  tellLicences(bundles, report);
  const { carrying, close } = await carryBundles(bases, bundles);
  return { bases: carrying, bundles, keep, close };
};
