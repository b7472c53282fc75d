// The lockfile: what it says, what it keeps, and what is refused.
import { readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadLock, lockPath, storeLock } from "../../src/project/lock-file.ts";
import { mergeLock, renderLock } from "../../src/supplies/lock.ts";
import { outcomeOf } from "../base/base-options.ts";
import { temporaryFolder } from "../support/folder.ts";

const digest = (letter: string) => letter.repeat(64);

const flannel = {
  name: "flannel",
  version: "v1",
  url: "https://example.org/kube-flannel.yml",
  sha256: digest("b"),
};
const addon = {
  name: "app.yaml",
  version: null,
  url: "https://example.com/app.yaml",
  sha256: digest("c"),
};
const found = {
  kubernetes: { minor: "1.36", patch: "1.36.5" },
  bases: [
    {
      name: "ubuntu-24.04",
      file: "ubuntu-24.04.3.img.xz",
      sha256: digest("a"),
    },
  ],
  manifests: [flannel, addon],
  keys: [{ name: "kubernetes", fingerprint: "D".repeat(40), expires: null }],
};
const wanted = new Set(["ubuntu-24.04", flannel.url, addon.url]);

describe("the lock", () => {
  it("says what a build took", () => {
    expect(renderLock(mergeLock(undefined, found, wanted))).toBe(`{
  "schema": 1,
  "kubernetes": {
    "minor": "1.36",
    "patch": "1.36.5"
  },
  "bases": [
    {
      "name": "ubuntu-24.04",
      "file": "ubuntu-24.04.3.img.xz",
      "sha256": "${digest("a")}"
    }
  ],
  "manifests": [
    {
      "name": "app.yaml",
      "version": null,
      "url": "https://example.com/app.yaml",
      "sha256": "${digest("c")}"
    },
    {
      "name": "flannel",
      "version": "v1",
      "url": "https://example.org/kube-flannel.yml",
      "sha256": "${digest("b")}"
    }
  ],
  "keys": [
    {
      "name": "kubernetes",
      "fingerprint": "${"D".repeat(40)}",
      "expires": null
    }
  ]
}
`);
  });

  it("keeps what a run of some nodes did not look at", () => {
    const full = mergeLock(undefined, found, wanted);
    const partial = { ...found, bases: [], manifests: [], keys: [] };
    expect(mergeLock(full, partial, wanted)).toEqual(full);
  });

  it("forgets what the inventory no longer names", () => {
    const full = mergeLock(undefined, found, wanted);
    const partial = { ...found, bases: [], manifests: [] };
    const later = mergeLock(full, partial, new Set([flannel.url]));
    expect(later.bases).toEqual([]);
    expect(later.manifests).toEqual([flannel]);
  });

  it("has one entry for a manifest whose version changed", () => {
    const full = mergeLock(undefined, found, wanted);
    const newer = { ...addon, sha256: digest("d") };
    const later = mergeLock(full, { ...found, manifests: [newer] }, wanted);
    expect(later.manifests).toEqual([newer, flannel]);
  });
});

describe("the lockfile", () => {
  it("stands beside its inventory", () => {
    expect(lockPath("/home/ana", "../x/cluster.yaml")).toBe(
      "/home/ana/cluster.lock.json",
    );
    expect(lockPath("/home/ana", "test.yml")).toBe("/home/ana/test.lock.json");
  });

  it("is read as it was written, and not written again", async () => {
    const path = join(await temporaryFolder(), "cluster.lock.json");
    expect(await loadLock(path)).toBeUndefined();
    const lock = mergeLock(undefined, found, wanted);
    await storeLock(path, lock);
    expect(await loadLock(path)).toEqual(lock);
    await utimes(path, 1, 1);
    await storeLock(path, lock);
    expect((await stat(path)).mtimeMs).toBe(1000);
    await storeLock(path, { ...lock, keys: [] });
    expect((await loadLock(path))?.keys).toEqual([]);
  });

  it.each([
    ["<<<<<<< ours\n{}\n"],
    ["{}"],
    [renderLock(mergeLock(undefined, found, wanted)).replace(digest("b"), "b")],
    [
      renderLock(mergeLock(undefined, found, wanted)).replace(
        '"schema": 1',
        '"schema": 2',
      ),
    ],
  ])("is not guessed at when it is damaged (%#)", async (text) => {
    const path = join(await temporaryFolder(), "cluster.lock.json");
    await writeFile(path, text);
    expect(await outcomeOf(loadLock(path))).toBe(
      `LOCK_DAMAGED 2: the lockfile ${path} cannot be read`,
    );
    expect(await readFile(path, "utf8")).toBe(text);
  });
});
