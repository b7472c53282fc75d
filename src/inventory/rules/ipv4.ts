// IPv4 addresses and networks as numbers, for the network behind a gateway, which is IPv4. Everything else knows both families
// (ip.ts).

/** An address (0 to 2^32 - 1) with the length of its network's prefix (0 to 32). */
export type Cidr = { readonly address: number; readonly prefix: number };

/** "192.168.1.50" as a number; undefined for anything but four decimal octets without leading zeros. */
export const parseAddress = (text: string): number | undefined => {
  const octets = text.split(".");
  if (octets.length !== 4) {
    return undefined;
  }
  let address = 0;
  for (const octet of octets) {
    // inet_aton reads a leading zero as octal, so 010 would mean 8 to some programs and 10 to others.
    if (!/^(0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) {
      return undefined;
    }
    address = address * 256 + Number(octet);
  }
  return address;
};

/** "192.168.1.50/24"; host bits are kept. */
export const parseCidr = (text: string): Cidr | undefined => {
  const [host, length, ...rest] = text.split("/");
  if (host === undefined || length === undefined || rest.length > 0) {
    return undefined;
  }
  const address = parseAddress(host);
  if (address === undefined || !/^(0|[1-9]\d?)$/.test(length)) {
    return undefined;
  }
  const prefix = Number(length);
  return prefix > 32 ? undefined : { address, prefix };
};

export const formatAddress = (address: number): string =>
  [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");

export const formatCidr = ({ address, prefix }: Cidr): string =>
  `${formatAddress(address)}/${prefix}`;

/** How many addresses a prefix holds. */
const size = (prefix: number): number => 2 ** (32 - prefix);

/** The first address of the network that the address is in. */
export const networkAddress = ({ address, prefix }: Cidr): number =>
  address - (address % size(prefix));

/** The last address of the network that the address is in. */
export const broadcastAddress = (cidr: Cidr): number =>
  networkAddress(cidr) + size(cidr.prefix) - 1;

export const networkOf = (cidr: Cidr): Cidr => ({
  address: networkAddress(cidr),
  prefix: cidr.prefix,
});

export const contains = (cidr: Cidr, address: number): boolean =>
  networkAddress(cidr) <= address && address <= broadcastAddress(cidr);
