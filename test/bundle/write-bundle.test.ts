// The file of a bundle, judged by GNU tar, and its index.
import { createHash } from "node:crypto";
import {
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  type BundleIndex,
  indexDigest,
  parseIndex,
  renderIndex,
} from "../../src/bundle/bundle-index.ts";
import {
  bundleBytes,
  partOfFile,
  partOfText,
  writeBundle,
} from "../../src/bundle/write-bundle.ts";
import { failureOf } from "../support/failure.ts";
import { seededBytes } from "../support/seeded.ts";
import { describeWithTools } from "../support/tools.ts";

const sha256 = (bytes: Buffer): string =>
  createHash("sha256").update(bytes).digest("hex");

const INDEX: BundleIndex = {
  kubernetes: "1.36.5",
  system: "ubuntu-24.04",
  files: [
    { path: "Packages", bytes: 3, sha256: "a".repeat(64) },
    {
      path: "debs/runc_1.4.0-1~24.04+x_arm64.deb",
      bytes: 9,
      sha256: "b".repeat(64),
    },
  ],
  images: [
    {
      name: "registry.k8s.io/pause:3.10.2",
      digest: `sha256:${"c".repeat(64)}`,
    },
  ],
};

describeWithTools(["tar"], "a bundle", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "pi-image-bundle-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const options = {
    signal: new AbortController().signal,
    progress: () => undefined,
  };
  /** Sizes at and around the ends of tar's blocks, and one of many pieces. */
  const parts = () =>
    [0, 1, 511, 512, 513, 700_001].map((bytes, index) => {
      const content = seededBytes(bytes, `part ${index}`);
      const path = join(folder, `part-${index}`);
      writeFileSync(path, content);
      return partOfFile(
        { path: `debs/part-${index}.deb`, bytes, sha256: sha256(content) },
        path,
      );
    });

  it("is the same bytes every time, as long as was said, and GNU tar reads it", async () => {
    const [first, second] = ["one.tar", "two.tar"].map((name) =>
      join(folder, name),
    ) as [string, string];
    const all = [partOfText("Packages", "Package: a\n"), ...parts()];
    let told = 0;
    const digest = await writeBundle(first, "index text\n", all, {
      ...options,
      progress: (done) => {
        told = done;
      },
    });
    expect(await writeBundle(second, "index text\n", all, options)).toBe(
      digest,
    );
    expect(sha256(readFileSync(second))).toBe(digest);
    expect(statSync(first).size).toBe(bundleBytes("index text\n", all));
    expect(told).toBe(statSync(first).size);
    const listed = spawnSync("tar", ["--list", "--file", first], {
      encoding: "utf8",
    });
    expect(listed).toMatchObject({ status: 0, stderr: "" });
    expect(listed.stdout.trim().split("\n")).toEqual([
      "index",
      ...all.map(({ path }) => path),
    ]);
    for (const [name, content] of [
      ["index", Buffer.from("index text\n")],
      ...[0, 1, 2, 3, 4, 5].map(
        (index) =>
          [
            `debs/part-${index}.deb`,
            readFileSync(join(folder, `part-${index}`)),
          ] as const,
      ),
    ] as const) {
      const read = spawnSync("tar", ["-xOf", first, name], {
        maxBuffer: 2 ** 24,
      });
      expect(read.stdout.equals(content), name).toBe(true);
    }
  });

  it("is not made of a part that has changed or ends early", async () => {
    for (const change of [
      (bytes: Buffer) => bytes.subarray(1),
      (bytes: Buffer) => Buffer.concat([bytes.subarray(1), Buffer.of(0)]),
    ]) {
      const all = parts();
      const path = join(folder, "part-5");
      writeFileSync(path, change(readFileSync(path)));
      const out = join(folder, "bundle.tar");
      rmSync(out, { force: true });
      const failure = await failureOf(
        writeBundle(out, "index\n", all, options),
      );
      expect(`${failure.code}: ${failure.message}`).toBe(
        "ARCHIVE_WRONG: debs/part-5.deb has changed while the bundle was written",
      );
    }
  });

  it("has an index that is read as it was written", () => {
    expect(parseIndex(renderIndex(INDEX), "it")).toEqual(INDEX);
    expect(indexDigest(INDEX)).toBe(sha256(Buffer.from(renderIndex(INDEX))));
  });

  it.each([
    ["", "it is not a bundle"],
    ["something\nelse", "it is not a bundle"],
    [
      renderIndex(INDEX).replace("bundle 1", "bundle 2"),
      "it is a bundle of version 2, and this pi-image reads version 1",
    ],
    [
      renderIndex(INDEX).replace("1.36.5", "1.36"),
      "it does not say what it is a bundle for",
    ],
    [
      renderIndex(INDEX).replace("debs/", "debs/../"),
      'it has a line that cannot be understood: "file bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"',
    ],
    [`${renderIndex(INDEX)}x`, 'it has a line that cannot be understood: "x"'],
    [
      renderIndex({ ...INDEX, files: [...INDEX.files, ...INDEX.files] }),
      "it names a file twice",
    ],
  ])("is refused with another index: %j", async (text, message) => {
    const failure = await failureOf(
      Promise.resolve().then(() => parseIndex(text, "it")),
    );
    expect([failure.code, failure.exitCode]).toEqual(["ARCHIVE_WRONG", 4]);
    expect(failure.message.slice(0, 60)).toBe(message.slice(0, 60));
  });
});
