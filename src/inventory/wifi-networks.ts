// Turns what is written under `wifi`, one network or a list, into a list of networks with their places.
import type { Draft, DraftWifi } from "./draft.ts";
import { nodesOf } from "./settings.ts";
import type { Path } from "./yaml/yaml-file.ts";

type WrittenAs<Network> =
  Network | readonly (Network | undefined)[] | false | undefined;

const isList = <Network extends object>(
  written: WrittenAs<Network>,
): written is readonly (Network | undefined)[] => Array.isArray(written);

/** The preferred network first; `path` is its place below `wifi`. */
export const networksOf = <Network extends object>(
  written: WrittenAs<Network>,
): readonly { readonly network: Network; readonly path: Path }[] => {
  if (isList(written)) {
    return written.flatMap((network, index) =>
      network === undefined ? [] : [{ network, path: [index] }],
    );
  }
  return written === undefined || written === false
    ? []
    : [{ network: written, path: [] }];
};

/** How messages call a network; undefined where its name is wrong or missing. */
export const networkTitle = ({
  ssid,
  ssidHex,
}: {
  readonly ssid?: string | undefined;
  readonly ssidHex?: string | undefined;
}): string | undefined => ssid ?? ssidHex;

/** Every list of networks that is written, in `defaults` and at nodes, each network with its place. */
export const writtenLists = (draft: Draft) =>
  [
    { path: ["defaults", "wifi"] as Path, wifi: draft.content.defaults?.wifi },
    ...nodesOf(draft).map(({ index, node }) => ({
      path: ["nodes", index, "wifi"] as Path,
      wifi: node.wifi,
    })),
  ].map(({ path, wifi }) =>
    networksOf<DraftWifi>(wifi).map(({ network, path: below }) => ({
      network,
      path: [...path, ...below],
    })),
  );

export const writtenNetworks = (draft: Draft) => writtenLists(draft).flat();
