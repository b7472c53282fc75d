// Addresses of both families; the WHATWG's URL parser is the judge of how an IPv6 address is read and written.
import { describe, expect, it } from "vitest";
import {
  firstIp,
  formatIp,
  formatIpCidr,
  holdsIp,
  lastIp,
  networkOfIp,
  networksOverlap,
  parseIp,
  parseIpCidr,
  specialKind,
  type IpCidr,
} from "../../src/inventory/rules/ip.ts";
import { fc } from "../support/seeded.ts";

const judge = (text: string): string =>
  new URL(`http://[${text}]/`).hostname.slice(1, -1);

/** Many zeros, so that runs of them are long, short and several. */
const group = fc.oneof(
  fc.constant(0),
  fc.constant(0),
  fc.integer({ min: 0, max: 0xffff }),
);
const groups = fc.array(group, { minLength: 8, maxLength: 8 });
const six = (parts: readonly number[]): string =>
  parts.map((part) => part.toString(16)).join(":");

const cidr: fc.Arbitrary<IpCidr> = fc
  .record({ parts: groups, four: fc.boolean(), prefix: fc.nat({ max: 128 }) })
  .map(({ parts, four, prefix }) => {
    const text = four
      ? `${parts
          .slice(0, 4)
          .map((part) => part % 256)
          .join(".")}/${prefix % 33}`
      : `${six(parts)}/${prefix}`;
    const parsed = parseIpCidr(text);
    if (parsed === undefined) {
      throw new Error(text);
    }
    return parsed;
  });

/** The model: an address as its bits, a network as their beginning. */
const bits = ({ family, value }: Pick<IpCidr, "family" | "value">): string =>
  value.toString(2).padStart(family === 4 ? 32 : 128, "0");

describe("an IPv6 address", () => {
  it("is written as browsers write it", () => {
    fc.assert(
      fc.property(groups, (parts) => {
        const ip = parseIp(six(parts));
        expect(ip && formatIp(ip)).toBe(judge(six(parts)));
      }),
    );
  });

  it.each([
    ["fd00:0::0010", "fd00::10"],
    ["FD00::A", "fd00::a"],
    ["::", "::"],
    ["1::", "1::"],
    ["::ffff:192.168.1.1", "::ffff:c0a8:101"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ])("%s is %s", (text, canonical) => {
    const ip = parseIp(text);
    expect(ip && formatIp(ip)).toBe(canonical);
    expect(judge(text)).toBe(canonical);
  });

  it.each([
    "",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "g::",
    "12345::",
    "fe80::1%eth0",
    "[fd00::1]",
    "::1.2.3",
    "::01.2.3.4",
    "1.2.3.4::",
    " ::1",
  ])("is not %j", (text) => {
    expect(parseIp(text)).toBeUndefined();
  });
});

describe("a network", () => {
  it("has the length of a prefix of its family", () => {
    expect(parseIpCidr("fd00::/129")).toBeUndefined();
    expect(parseIpCidr("10.0.0.0/33")).toBeUndefined();
    expect(parseIpCidr("fd00::/064")).toBeUndefined();
    expect(parseIpCidr("fd00::")).toBeUndefined();
    expect(parseIpCidr("fd00::/64/64")).toBeUndefined();
  });

  it("holds the addresses that begin as it does", () => {
    fc.assert(
      fc.property(cidr, cidr, (a, b) => {
        const beginning = (range: IpCidr) => bits(range).slice(0, range.prefix);
        expect(holdsIp(a, b)).toBe(
          a.family === b.family && bits(b).startsWith(beginning(a)),
        );
        expect(networksOverlap(a, b)).toBe(
          a.family === b.family &&
            (beginning(a).startsWith(beginning(b)) ||
              beginning(b).startsWith(beginning(a))),
        );
        const rest = bits(a).length - a.prefix;
        expect(bits(firstIp(a))).toBe(beginning(a) + "0".repeat(rest));
        expect(bits(lastIp(a))).toBe(beginning(a) + "1".repeat(rest));
      }),
    );
  });

  it("is written without host bits", () => {
    const network = parseIpCidr("fd00:10:244:ff::5/56");
    expect(network && formatIpCidr(networkOfIp(network))).toBe(
      "fd00:10:244::/56",
    );
  });
});

it.each([
  ["192.168.1.1", undefined],
  ["169.254.1.1", undefined],
  ["0.1.2.3", "unspecified"],
  ["127.0.0.1", "loopback"],
  ["224.0.0.1", "multicast"],
  ["255.255.255.255", "multicast"],
  ["fd00::1", undefined],
  ["2001:db8::1", undefined],
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["::ffff:1.2.3.4", "mapped"],
  ["fe80::1", "link-local"],
  ["febf::1", "link-local"],
  ["fec0::1", "site-local"],
  ["ff02::1", "multicast"],
])("%s is special as %s", (text, kind) => {
  const ip = parseIp(text);
  expect(ip && specialKind(ip)).toBe(kind);
});
