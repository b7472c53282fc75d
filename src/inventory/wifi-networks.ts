// Turns what is written under `wifi`, one network or a list, into a list of networks with their places.
import type { Path } from "./yaml/yaml-file.ts";

type Written<Network> =
  Network | readonly (Network | undefined)[] | false | undefined;

const isList = <Network extends object>(
  written: Written<Network>,
): written is readonly (Network | undefined)[] => Array.isArray(written);

/** The preferred network first; `path` is its place below `wifi`. */
export const networksOf = <Network extends object>(
  written: Written<Network>,
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
