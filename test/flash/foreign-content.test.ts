// Whose card a target is, told before it is overwritten.
import { describe, expect, it } from "vitest";
import { cardName, otherCard } from "../../src/flash/foreign-content.ts";
import type { CardOwner } from "../../src/image/look/file-system-facts.ts";
import type { FoundFileSystem } from "../../src/image/look/look-disk.ts";

const boot = (ours: CardOwner | undefined): FoundFileSystem => ({
  name: "FAT32",
  label: "system-boot",
  used: 1,
  newest: undefined,
  empty: false,
  partition: 1,
  size: 64 * 1024 ** 2,
  ours,
});

const worker2: CardOwner = {
  node: "worker2",
  cluster: "homelab",
  instanceId: "pi-image-worker2-0123456789ab",
};
const own = { name: "worker2", instanceId: "pi-image-worker2-0123456789ab" };

describe("the card that a target is", () => {
  it("is named by its node and cluster", () => {
    expect(cardName([boot(worker2)])).toBe(
      "the card of worker2 of the cluster homelab",
    );
    expect(cardName([boot({ ...worker2, node: undefined })])).toBe(
      "a role image that pi-image made",
    );
    expect(cardName([boot(undefined)])).toBeUndefined();
    expect(cardName([])).toBeUndefined();
  });

  it.each([
    ["another node", { ...own, name: "worker1" }],
    ["the same node of another build or cluster", { ...own, instanceId: "x" }],
    ["an image that is not a node's", undefined],
  ])("is named where it would get %s", (_, written) => {
    expect(otherCard([boot(worker2)], written)).toContain("worker2");
  });

  it("passes in silence where it gets the very same", () => {
    expect(otherCard([boot(worker2)], own)).toBeUndefined();
  });
});
