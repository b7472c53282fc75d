// The address behind a node's name: written, or announced by multicast DNS in the cluster's families.
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { findAddress } from "../../src/cluster/find-address.ts";
import { apiServerPlace } from "../../src/cluster/reach-api-server.ts";
import { describeWithTools } from "../support/tools.ts";

it.each([
  ["192.168.1.50", "192.168.1.50"],
  ["fd00::50", "fd00::50"],
  // As a URL has it.
  ["[fd00::50]", "fd00::50"],
])("takes %s as it is", async (host, address) => {
  expect(await findAddress(host, [4])).toBe(address);
});

it("has brackets around it beside a port", () => {
  const server = {
    port: 6443,
    name: "cplane",
    ca: "",
    client: {},
  } as unknown as Parameters<typeof apiServerPlace>[0];
  expect(apiServerPlace({ ...server, address: "fd00::50" })).toBe(
    "[fd00::50]:6443",
  );
});

describeWithTools(["ip", "unshare"], "multicast DNS", () => {
  const ask = (families: string): string => {
    const { stdout, stderr } = spawnSync(
      "unshare",
      [
        "--net",
        "sh",
        "-ec",
        `sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
ip link set lo up
ip link add lan type veth peer name far; ip link set lan up; ip link set far up
ip addr add fd00::1/64 dev lan nodad
exec "$0" --import tsx test/cluster/find-address-program.ts ${families}`,
        process.execPath,
      ],
      { encoding: "utf8" },
    );
    return `${stdout.trim()}${stderr.trim()}`;
  };

  it.skipIf(process.getuid?.() !== 0)(
    "finds a node on a network without IPv4, and not by the link's address",
    () => {
      expect(ask("6")).toBe("fd00::50");
    },
  );
});
