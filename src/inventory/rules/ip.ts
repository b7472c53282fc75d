// Addresses and networks of both families, as numbers. What compares addresses compares these, never their text: one IPv6
// address can be written in many ways.
import { formatAddress, parseAddress } from "./ipv4.ts";

export type Family = 4 | 6;

/** A 32-bit or a 128-bit number. */
export type Ip = { readonly family: Family; readonly value: bigint };

/** An address with the length of its network's prefix (0 to 32 or 128). */
export type IpCidr = Ip & { readonly prefix: number };

const bitsOf = (family: Family): number => (family === 4 ? 32 : 128);

/** "fd00::10" as eight groups; undefined for anything that RFC 4291 section 2.2 does not allow, a zone among it. */
const groupsOf = (text: string): readonly number[] | undefined => {
  const [, before = text, dotted] = /^(.*:)(\d+(?:\.\d+){3})$/.exec(text) ?? [];
  const tail = dotted === undefined ? undefined : parseAddress(dotted);
  if (dotted !== undefined && tail === undefined) {
    return undefined;
  }
  const whole =
    tail === undefined
      ? text
      : `${before}${(tail >>> 16).toString(16)}:${(tail & 0xffff).toString(16)}`;
  const halves = whole.split("::");
  const [left = [], right] = halves.map((half) =>
    half === "" ? [] : half.split(":"),
  );
  const written = [...left, ...(right ?? [])];
  const gap = 8 - written.length;
  if (
    halves.length > 2 ||
    (right === undefined ? gap !== 0 : gap < 1) ||
    !written.every((group) => /^[0-9a-f]{1,4}$/i.test(group))
  ) {
    return undefined;
  }
  return [...left, ...Array<string>(gap).fill("0"), ...(right ?? [])].map(
    (group) => Number.parseInt(group, 16),
  );
};

export const parseIp = (text: string): Ip | undefined => {
  const four = parseAddress(text);
  if (four !== undefined) {
    return { family: 4, value: BigInt(four) };
  }
  const value = groupsOf(text)?.reduce(
    (sum, group) => sum * 65_536n + BigInt(group),
    0n,
  );
  return value === undefined ? undefined : { family: 6, value };
};

/** "192.168.1.50/24" or "fd00::50/64"; host bits are kept. */
export const parseIpCidr = (text: string): IpCidr | undefined => {
  const [host = "", length = "", ...rest] = text.split("/");
  const ip = parseIp(host);
  const prefix = /^(0|[1-9]\d{0,2})$/.test(length) ? Number(length) : 129;
  return ip === undefined || rest.length > 0 || prefix > bitsOf(ip.family)
    ? undefined
    : { ...ip, prefix };
};

/** The one way to write an address (RFC 5952): in lower case, with `::` for the first of the longest runs of zeros. */
export const formatIp = ({ family, value }: Ip): string => {
  if (family === 4) {
    return formatAddress(Number(value));
  }
  const text = value
    .toString(16)
    .padStart(32, "0")
    .replaceAll(/0{0,3}(.{1,4})(?=(.{4})*$)/g, ":$1")
    .slice(1);
  const [longest = ""] = [...text.matchAll(/\b0(:0)+\b/g)]
    .map(([run]) => run)
    .toSorted((a, b) => b.length - a.length);
  return longest === ""
    ? text
    : text.replace(new RegExp(String.raw`:?\b${longest}\b:?`), "::");
};

export const formatIpCidr = (cidr: IpCidr): string =>
  `${formatIp(cidr)}/${cidr.prefix}`;

/** How many addresses the network of this one holds. */
const sizeOf = ({ family, prefix }: IpCidr): bigint =>
  1n << BigInt(bitsOf(family) - prefix);

/** The first address of the network that the address is in. */
export const firstIp = (cidr: IpCidr): Ip => ({
  family: cidr.family,
  value: cidr.value - (cidr.value % sizeOf(cidr)),
});

/** The last address of the network that the address is in. */
export const lastIp = (cidr: IpCidr): Ip => ({
  family: cidr.family,
  value: firstIp(cidr).value + sizeOf(cidr) - 1n,
});

export const networkOfIp = (cidr: IpCidr): IpCidr => ({
  ...firstIp(cidr),
  prefix: cidr.prefix,
});

export const isNetwork = (cidr: IpCidr): boolean => sameIp(cidr, firstIp(cidr));

export const sameIp = (a: Ip, b: Ip): boolean =>
  a.family === b.family && a.value === b.value;

export const holdsIp = (cidr: IpCidr, ip: Ip): boolean =>
  cidr.family === ip.family &&
  firstIp(cidr).value <= ip.value &&
  ip.value <= lastIp(cidr).value;

export const networksOverlap = (a: IpCidr, b: IpCidr): boolean =>
  holdsIp(a, firstIp(b)) || holdsIp(b, firstIp(a));

/** RFC 4291; fec0::/10 is deprecated by RFC 3879, and Linux gives it a scope of its own. */
const SPECIAL = [
  ["0.0.0.0/8", "unspecified"],
  ["127.0.0.0/8", "loopback"],
  ["224.0.0.0/3", "multicast"],
  ["::/128", "unspecified"],
  ["::1/128", "loopback"],
  ["::ffff:0:0/96", "mapped"],
  ["fe80::/10", "link-local"],
  ["fec0::/10", "site-local"],
  ["ff00::/8", "multicast"],
].map(([text = "", kind = ""]) => ({ range: parseIpCidr(text), kind }));

/** What keeps an address from being one that a machine can be reached at in a whole network; undefined for all others. */
export const specialKind = (ip: Ip): string | undefined =>
  SPECIAL.find(({ range }) => range !== undefined && holdsIp(range, ip))?.kind;

/** The address that somebody put into brackets, as in a URL, with or without a port behind them; undefined for all else. */
export const inBrackets = (text: string): string | undefined => {
  const [, bare = ""] = /^\[([0-9a-f:.]+)\](?::\d+)?$/i.exec(text) ?? [];
  return parseIp(bare) === undefined ? undefined : bare;
};

/** How people call the family. */
export const familyName = (family: Family): string => `IPv${family}`;

/** The address on its own as a network. */
export const alone = (ip: Ip): IpCidr => ({
  ...ip,
  prefix: bitsOf(ip.family),
});
