// What a gateway's card carries, judged by dnsmasq and nft, and at work between network namespaces.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import type { ResolvedNode } from "../../src/inventory/resolved.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";
import { openLan, type Lan } from "./gateway-lan.ts";
import { renderCase } from "./golden-cases.ts";
import { judge } from "./judge.ts";
import { packageLibrary } from "./sample-project.ts";

const folder = mkdtempSync(join(tmpdir(), "pi-image-gateway-files-"));

afterAll(() => rmSync(folder, { recursive: true }));

const cards = await renderCase("gateway", await packageLibrary());

const cardOf = (name: string) => {
  const found = cards.find(({ node }) => node.name === name);
  if (found === undefined) {
    throw new Error(`the golden case has a node ${name}`);
  }
  return found;
};

const written = (path: string): string => {
  const { write_files } = parse(cardOf("gate").seed.userData) as {
    readonly write_files: readonly {
      readonly path: string;
      readonly content: string;
    }[];
  };
  const entry = write_files.find((file) => file.path === path);
  return entry?.content ?? "";
};

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const dnsmasq = written("/etc/dnsmasq.d/pi-image.conf");
const nftables = written("/etc/nftables.conf");

describeWithTools(["dnsmasq"], "dnsmasq", () => {
  const test = (text: string) =>
    judge("dnsmasq", ["--test", `--conf-file=${file("dnsmasq.conf", text)}`]);

  it("accepts the configuration", () => {
    expect(test(dnsmasq)).toEqual({
      status: 0,
      output: "dnsmasq: syntax check OK.\n",
    });
  });

  it.each([
    ["a range that is none", "10.0.0.254,255.255.255.0", "10.0.0,255"],
    ["an option that it does not know", "bind-dynamic", "bind-dynamics"],
  ])("refuses %s", (_, from, to) => {
    expect(dnsmasq).toContain(from);
    expect(test(dnsmasq.replace(from, to)).status).not.toBe(0);
  });
});

describeAsRoot(["ip", "nft"], "nft", () => {
  const space = `pig-nft-${process.pid}`;
  const test = (text: string) =>
    judge("ip", [
      "netns",
      "exec",
      space,
      "nft",
      "--check",
      "--file",
      file("nftables.conf", text),
    ]);

  beforeAll(() => {
    judge("ip", ["netns", "add", space]);
  });
  afterAll(() => {
    judge("ip", ["netns", "del", space]);
  });

  it("accepts the packet filter", () => {
    expect(test(nftables)).toEqual({ status: 0, output: "" });
  });

  it("refuses a port that is none", () => {
    expect(nftables).toContain("dport 6443 dnat");
    expect(
      test(nftables.replace("dport 6443 dnat", "dport 66443 dnat")).status,
    ).not.toBe(0);
  });
});

describeAsRoot(
  ["ip", "nft", "dnsmasq", "udhcpc", "sysctl"],
  "a gateway at work",
  () => {
    let lan: Lan;
    const reserved = (name: string) =>
      cardOf(name).node.reserved?.split("/")[0] ?? "";
    const mac = (name: string): ResolvedNode["mac"] => cardOf(name).node.mac;

    beforeAll(async () => {
      lan = await openLan({
        nftables,
        dnsmasq,
        nodes: {
          worker1: mac("worker1"),
          worker2: undefined,
          guest: undefined,
        },
      });
    });
    afterAll(() => lan.close());

    it("gives each node the address that it keeps for it, by MAC address or by name", () => {
      // What a base image calls itself before it knows better does not matter where the MAC address is known.
      expect(lan.lease("worker1", "ubuntu")).toBe(
        `${reserved("worker1")} 10.0.0.1 10.0.0.1 homelab.home.arpa`,
      );
      expect(lan.lease("worker2", "worker2")).toBe(
        `${reserved("worker2")} 10.0.0.1 10.0.0.1 homelab.home.arpa`,
      );
    });

    it("gives a machine that nobody knows an address of its range", () => {
      const [address = ""] = lan.lease("guest", "guest").split(" ");
      const last = Number(address.split(".")[3]);
      expect(address).toMatch(/^10\.0\.0\.\d+$/);
      expect(last).toBeGreaterThanOrEqual(128);
    });

    it("knows the nodes' names and its own", () => {
      expect(lan.resolve("worker2", "worker1")).toBe(reserved("worker1"));
      expect(lan.resolve("worker2", "cplane.homelab.home.arpa")).toBe(
        "10.0.0.10",
      );
      expect(lan.resolve("worker1", "gate")).toBe("10.0.0.1");
      expect(lan.resolve("worker1", "nobody.homelab.home.arpa")).toBe(
        "ENOTFOUND",
      );
    });

    it("asks the servers of your network for all other names", () => {
      expect(lan.resolve("worker2", "far.away.test")).toBe("203.0.113.7");
    });

    it("lets the nodes out, with its own address", async () => {
      await lan.serve("laptop", 8080);
      expect(lan.ask("worker2", lan.laptop, 8080)).toBe(
        `asked by ${lan.gateway}`,
      );
    });

    it("lets the declared ports in, and SSH, and nothing else", async () => {
      await lan.serve("worker1", 30_080);
      await lan.serve("worker1", 9000);
      await lan.serve("gate", 22);
      await lan.serve("gate", 9000);
      expect(lan.ask("laptop", lan.gateway, 80)).toBe(`asked by ${lan.laptop}`);
      expect(lan.ask("laptop", lan.gateway, 22)).toBe(`asked by ${lan.laptop}`);
      expect(lan.ask("laptop", lan.gateway, 9000)).toBe("silent");
      expect(lan.ask("laptop", lan.gateway, 30_080)).toBe("silent");
      // A neighbour who sends packets for the inside to the gateway.
      lan.run(
        "laptop",
        "ip",
        "route",
        "add",
        "10.0.0.0/24",
        "via",
        lan.gateway,
      );
      expect(lan.ask("laptop", reserved("worker1"), 9000)).toBe("silent");
      expect(lan.ask("laptop", reserved("worker1"), 30_080)).toBe("silent");
      expect(lan.ask("laptop", "10.0.0.1", 9000)).toBe("silent");
      lan.run("laptop", "ip", "route", "del", "10.0.0.0/24");
    });

    it("leads to the same node from inside", () => {
      expect(lan.ask("worker2", lan.gateway, 80)).toBe("asked by 10.0.0.1");
      expect(lan.ask("worker2", "10.0.0.1", 9000)).toBe(
        `asked by ${reserved("worker2")}`,
      );
    });
  },
);
