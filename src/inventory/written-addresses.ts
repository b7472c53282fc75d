// What people write where an address of each family can stand: one string, several with commas between them as kubeadm has
// them, or a list.
import {
  formatIpCidr,
  parseIp,
  parseIpCidr,
  type Family,
  type Ip,
  type IpCidr,
} from "./rules/ip.ts";

/** In a draft, an entry of a list may have been taken out because it is wrong. */
export type WrittenAddresses =
  string | readonly (string | undefined)[] | undefined;

/** The entries, without the blanks around them. */
export const partsOf = (written: WrittenAddresses): readonly string[] =>
  typeof written === "string"
    ? written.split(",").map((part) => part.trim())
    : (written ?? []).filter((part) => part !== undefined);

/** Whether an entry was taken out, so that nothing can be said of what is missing. */
export const hasGap = (written: WrittenAddresses): boolean =>
  Array.isArray(written) && written.includes(undefined);

export const cidrsOf = (written: WrittenAddresses): readonly IpCidr[] =>
  partsOf(written).flatMap((part) => parseIpCidr(part) ?? []);

export const ipsOf = (written: WrittenAddresses): readonly Ip[] =>
  partsOf(written).flatMap((part) => parseIp(part) ?? []);

/** In the order in which they are written. */
export const familiesIn = (written: WrittenAddresses): readonly Family[] =>
  cidrsOf(written).map(({ family }) => family);

export const ofFamily = <Item extends Ip>(
  items: readonly Item[],
  family: Family,
): Item | undefined => items.find((item) => item.family === family);

/** Ranges in kubeadm's own form: a string with a comma between the two. */
export const rangesText = (written: WrittenAddresses): string =>
  cidrsOf(written).map(formatIpCidr).join(",");

/** The number of an IPv4 address among these, as `rules/ipv4.ts` has it. */
export const ipv4Number = (items: readonly Ip[]): number | undefined => {
  const found = ofFamily(items, 4);
  return found && Number(found.value);
};

/** First those of the cluster's families in their order, then the others. */
export const inOrder = <Item extends Ip>(
  items: readonly Item[],
  families: readonly Family[],
): readonly Item[] => [
  ...families.flatMap((family) => ofFamily(items, family) ?? []),
  ...items.filter(({ family }) => !families.includes(family)),
];
