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
 * What the netplan of Ubuntu 22.04 does not know makes it refuse the whole file: `regulatory-domain` came with 0.105, and `sae`
 * with 0.107; 22.04 was released with 0.104 and got them as updates that an image may lack. The country stands on the
 * kernel's command line there. https://github.com/canonical/netplan/tree/0.104/src/parse.c
 */
const knowsCountries = (base: string): boolean => !isJammy(base);

/** Whether this node's netplan can join its Wi-Fi network. */
export const knowsSecurity = ({
  base,
  network: { wifi },
}: ResolvedNode): boolean => !(isJammy(base) && wifi?.security === "wpa3");

const isJammy = (base: string): boolean => /22\.04|jammy/i.test(base);
