// What the names of base images tell, and a base from the command line against the nodes' boards.
import { describe, expect, it } from "vitest";
import { baseSystem } from "../../src/inventory/boards/systems.ts";
import {
  oldestEeprom,
  refuseBoard,
  ubuntuRelease,
  withBase,
} from "../../src/inventory/boards/base-facts.ts";
import { sampleProject } from "../seed/sample-project.ts";

describe("a base's name", () => {
  it.each([
    ["ubuntu-24.04", "24.04"],
    ["ubuntu-26.04.1-preinstalled-server-arm64+raspi.img.xz", "26.04"],
    ["https://example.com/a/ubuntu-22.04.5-server.img.xz", "22.04"],
    ["images/my-ubuntu-22.04.img", undefined],
    ["raspios-trixie", undefined],
  ])("%s tells its release", (base, release) => {
    expect(ubuntuRelease(base)).toBe(release);
  });

  it("tells the system in it", () => {
    expect(baseSystem("raspios-trixie")).toBe("raspios");
    expect(baseSystem("x/2025-12-04-raspios-trixie-arm64-lite.img.xz")).toBe(
      "raspios",
    );
    expect(baseSystem("ubuntu-24.04")).toBe("ubuntu");
    expect(baseSystem("raspios/own.img")).toBe("ubuntu");
  });

  it("tells which EEPROM it needs", () => {
    expect(oldestEeprom("pi5", "ubuntu-26.04")).toBe("2025-02-11");
    expect(oldestEeprom("pi4", "ubuntu-25.10.img.xz")).toBe("2022-11-25");
    expect(oldestEeprom("pi5", "ubuntu-24.04")).toBeUndefined();
    expect(oldestEeprom("pi3b+", "ubuntu-26.04")).toBeUndefined();
    expect(refuseBoard("pi4", "ubuntu-22.04")).toBeUndefined();
  });
});

describe("a base from the command line", () => {
  const { nodes, cluster } = sampleProject;
  it("takes the place of every node's own", () => {
    const { nodes: changed, problems } = withBase(nodes, "x.img", cluster);
    expect(problems).toEqual([]);
    expect(new Set(changed.map(({ base }) => base))).toEqual(
      new Set(["x.img"]),
    );
    expect(withBase(nodes, undefined, cluster).nodes).toBe(nodes);
  });

  it.each([
    ["1.37", []],
    [
      "1.38",
      [
        expect.stringContaining(
          "whose containerd 1.7 cannot run Kubernetes 1.38",
        ),
      ],
    ],
  ])("is Raspberry Pi OS for Kubernetes %s", (minor, messages) => {
    const { problems } = withBase(nodes.slice(0, 1), "raspios-trixie", {
      ...cluster,
      kubernetes: { minor, patch: `${minor}.0` },
    });
    expect(problems.map(({ message }) => message)).toEqual(messages);
  });

  it("is refused for a board that does not boot it", () => {
    const pi5 = nodes.map((node) => ({ ...node, board: "pi5" as const }));
    const { problems } = withBase(
      pi5,
      "/images/ubuntu-22.04.5.img.xz",
      cluster,
    );
    expect(problems.length).toBe(pi5.length);
    expect(problems[0]).toMatchObject({
      code: "BASE_TOO_OLD",
      severity: "error",
      message: `${pi5[0]?.name} is a Raspberry Pi 5, and Ubuntu 22.04 does not boot on it`,
    });
  });

  it("is refused for an EEPROM that is too old, and one that nobody knows is a warning, once", () => {
    const [first] = nodes;
    if (first === undefined) {
      throw new Error("the sample has nodes");
    }
    const pi5 = { ...first, board: "pi5" as const };
    const judge = (...dates: (string | undefined)[]) =>
      withBase(
        dates.map((eepromDate) => ({ ...pi5, eepromDate })),
        "ubuntu-26.04",
        cluster,
      ).problems.map(({ code, severity }) => `${severity} ${code}`);
    expect(judge("2024-09-23")).toEqual(["error EEPROM_TOO_OLD"]);
    expect(judge(undefined, undefined)).toEqual(["warning EEPROM_UNKNOWN"]);
    expect(judge("2025-02-11")).toEqual([]);
  });

  it.each(["ubuntu-22.04", "raspios-trixie", "archlinuxarm", "ubuntu-24.04"])(
    "is judged as the holder of a bundle where cards carry one: %s",
    (base) => {
      const pi4 = nodes
        .slice(0, 1)
        .map((node) => ({ ...node, board: "pi4" as const }));
      const codes = (bundle: boolean) =>
        withBase(pi4, base, { ...cluster, bundle }).problems.map(
          ({ code }) => code,
        );
      expect(codes(false)).toEqual([]);
      expect(codes(true)).toEqual(
        base === "ubuntu-24.04" ? [] : ["BUNDLE_UNSUPPORTED"],
      );
    },
  );

  it("is refused for a role that it cannot serve", () => {
    const gateway = nodes.map((node) => ({
      ...node,
      role: "gateway" as const,
    }));
    const { problems } = withBase(gateway, "archlinuxarm", cluster);
    expect(problems[0]?.message).toContain(
      "Arch Linux ARM, where pi-image cannot set up the role gateway",
    );
  });
});
