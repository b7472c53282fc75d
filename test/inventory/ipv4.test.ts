import { describe, expect, it } from "vitest";
import {
  broadcastAddress,
  contains,
  formatAddress,
  formatCidr,
  networkAddress,
  networkOf,
  parseAddress,
  parseCidr,
  type Cidr,
} from "../../src/inventory/rules/ipv4.ts";
import { fc } from "../support/seeded.ts";

const address = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const cidr: fc.Arbitrary<Cidr> = fc.record({
  address,
  prefix: fc.integer({ min: 0, max: 32 }),
});

/** The model: an address as 32 characters, a network as their beginning. */
const bits = (number: number): string => number.toString(2).padStart(32, "0");
const prefixBits = (range: Cidr): string =>
  bits(range.address).slice(0, range.prefix);

describe("addresses", () => {
  it("survive being written and read", () => {
    fc.assert(
      fc.property(address, (number) => {
        expect(parseAddress(formatAddress(number))).toBe(number);
      }),
    );
  });

  it("are only four decimal octets", () => {
    for (const text of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "1.2.3.04",
      "1.2.3.-4",
      "1.2.3.4 ",
      "1.2.3.0x4",
      "1.2.3.٤",
      "1.2.3.4/24",
      "1.2..4",
    ]) {
      expect(parseAddress(text), text).toBeUndefined();
    }
  });

  it("are read from any text without an exception", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const number = parseAddress(text);
        expect(number === undefined || formatAddress(number) === text).toBe(
          true,
        );
      }),
    );
  });
});

describe("networks", () => {
  it("survive being written and read", () => {
    fc.assert(
      fc.property(cidr, (range) => {
        expect(parseCidr(formatCidr(range))).toEqual(range);
      }),
    );
  });

  it("are an address and a prefix length of 0 to 32", () => {
    for (const text of [
      "10.0.0.0",
      "10.0.0.0/",
      "10.0.0.0/33",
      "10.0.0.0/024",
      "10.0.0.0/8/8",
      "/8",
    ]) {
      expect(parseCidr(text), text).toBeUndefined();
    }
  });

  it("begin with zeros and end with ones behind the prefix", () => {
    fc.assert(
      fc.property(cidr, (range) => {
        const start = prefixBits(range);
        expect(bits(networkAddress(range))).toBe(start.padEnd(32, "0"));
        expect(bits(broadcastAddress(range))).toBe(start.padEnd(32, "1"));
        expect(networkAddress(networkOf(range))).toBe(networkOf(range).address);
      }),
    );
  });

  it("contain the addresses that begin as they do", () => {
    fc.assert(
      fc.property(cidr, address, (range, number) => {
        expect(contains(range, number)).toBe(
          bits(number).startsWith(prefixBits(range)),
        );
        expect(contains(range, range.address)).toBe(true);
      }),
    );
  });
});
