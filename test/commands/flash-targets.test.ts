import { describe, expect, it } from "vitest";
import { flashTargets } from "../../src/commands/flash/flash-targets.ts";

describe("flashTargets", () => {
  it("takes one target with an image, a node or neither", () => {
    expect(flashTargets(["/dev/sdx"], [])).toEqual({
      kind: "one",
      path: "/dev/sdx",
      image: undefined,
      host: undefined,
    });
    expect(flashTargets(["/dev/sdx"], ["worker2"])).toMatchObject({
      host: "worker2",
    });
    expect(flashTargets(["/dev/sdx", "a.img"], [])).toMatchObject({
      image: "a.img",
    });
  });

  it("takes a target for each node; names of targets may hold =", () => {
    expect(
      flashTargets([], ["worker1=/dev/sda", "worker2=/dev/disk/by-id/usb-a=b"]),
    ).toEqual({
      kind: "nodes",
      pairs: [
        { host: "worker1", path: "/dev/sda" },
        { host: "worker2", path: "/dev/disk/by-id/usb-a=b" },
      ],
    });
  });

  it.each([
    [[], [], "no target is given"],
    [[], ["worker1"], "--host worker1 names no target"],
    [[], ["worker1="], "names no target"],
    [[], ["=/dev/sda"], "names no target"],
    [[], ["worker1=/dev/sda", "worker2"], "--host worker2 names no target"],
    [[], ["w=/dev/sda", "w=/dev/sdb"], "w is given twice"],
    [[], ["a=/dev/sda", "b=/dev/sda"], "/dev/sda is given twice"],
    [["/dev/sdc"], ["w=/dev/sda"], "the targets are given twice"],
    [["/dev/sdc"], ["a", "b"], "one target takes the image of one node"],
  ])("refuses %j with --host %j", (args, hosts, message) => {
    expect(() => flashTargets(args, hosts)).toThrow(
      expect.objectContaining({
        code: "WRONG_ARGUMENTS",
        message: expect.stringContaining(message),
        state: "nothing was written",
      }),
    );
  });
});
