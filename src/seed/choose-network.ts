// Which documents of cloud-init/network/ make a node's network configuration.
import type { ResolvedNode } from "../inventory/resolved.ts";

/** Paths under cloud-init/network/, to be merged in this order. */
export const chooseNetwork = ({
  base,
  network: { uplink, addressing, wifi },
}: ResolvedNode): string[] => [
  `uplink-${uplink}-${addressing.method}.yaml`,
  ...(uplink === "wlan0" ? ["second-eth0.yaml"] : []),
  ...(uplink === "eth0" && wifi !== undefined ? ["second-wlan0.yaml"] : []),
  ...(wifi !== undefined && knowsCountries(base) ? ["country.yaml"] : []),
];

/**
 * Netplan has `regulatory-domain` since 0.105; Ubuntu 22.04 was released with 0.104, which refuses the whole file for an
 * unknown key. There the kernel command line alone sets the country.
 * https://github.com/canonical/netplan/blob/0.105/src/parse.c
 */
const knowsCountries = (base: string): boolean => !/22\.04|jammy/i.test(base);
