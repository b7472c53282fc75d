// The manifest beside an image keeps it from the wrong card: one that cannot be read is told and never counts as none.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  imageOfNode,
  manifestOf,
  onlyImage,
} from "../../src/sources/choose-image.ts";
import { asDisk } from "../support/as-disk.ts";
import { failureOf } from "../support/failure.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCli } from "../support/run-cli.ts";

const manifest = {
  node: { name: "worker1", cardSerial: "0x1234" },
  seed: { instanceId: "pi-image-worker1-1f" },
  base: { name: "sample", sha256: "ab", origin: "sample" },
  image: { file: "worker1.img" },
};

const outFolder = async () => {
  const out = await temporaryFolder();
  const place = (text: string) =>
    writeFileSync(join(out, "worker1.manifest.json"), text);
  return { out, image: join(out, "worker1.img"), place };
};

describe("the manifest of an image", () => {
  it("is what build wrote beside it, and none where there is none or it is of another file", async () => {
    const { image, place } = await outFolder();
    expect(await manifestOf(image)).toBeUndefined();
    place(JSON.stringify(manifest));
    expect(await manifestOf(image)).toEqual(manifest);
    expect(await manifestOf(`${image}.xz`)).toBeUndefined();
    expect(await manifestOf(join(image, "..", "other.bin"))).toBeUndefined();
  });

  it.each([
    ["empty", ""],
    ["cut", JSON.stringify(manifest).slice(0, -9)],
    ["without a seed", JSON.stringify({ ...manifest, seed: undefined })],
    [
      "with a serial of another kind",
      JSON.stringify({ ...manifest, node: { name: "a", cardSerial: 12 } }),
    ],
    ["zeros", "\0".repeat(64)],
  ])("is refused where it is damaged: %s", async (_, text) => {
    const { out, image, place } = await outFolder();
    place(text);
    const error = await failureOf(manifestOf(image));
    expect([error.code, error.exitCode, error.state]).toEqual([
      "IMAGE_MANIFEST_DAMAGED",
      2,
      "nothing was written",
    ]);
    expect(error.message).toContain(join(out, "worker1.manifest.json"));
  });

  it("is told where it is there and cannot be read", async () => {
    const { out, image } = await outFolder();
    const path = join(out, "worker1.manifest.json");
    mkdirSync(path);
    expect((await failureOf(manifestOf(image))).code).toBe("FILE_UNUSABLE");
    rmSync(path, { recursive: true });
    symlinkSync("on-a-disk-that-is-away", path);
    expect((await failureOf(manifestOf(image))).code).toBe("FILE_UNUSABLE");
  });

  it("keeps an image from every card while it is damaged", async () => {
    const { out, image, place } = await outFolder();
    writeFileSync(image, asDisk(Buffer.alloc(2 * 1024 * 1024)));
    place("{");
    const { status, stderr } = await runCli(["flash", "card", image, "--yes"], {
      cwd: out,
    });
    expect(status).toBe(2);
    expect(stderr).toContain("error[IMAGE_MANIFEST_DAMAGED]");
    expect(stderr).toContain("nothing was written");
  });
});

describe("an out folder that cannot be read", () => {
  it("is not one without images", async () => {
    const out = join(await temporaryFolder(), "out");
    expect(await imageOfNode(out, "worker1")).toBeUndefined();
    expect((await failureOf(onlyImage(out))).code).toBe("IMAGE_NOT_CHOSEN");
    symlinkSync("out", out);
    expect((await failureOf(onlyImage(out))).code).toBe("FILE_UNUSABLE");
    expect((await failureOf(imageOfNode(out, "worker1"))).code).toBe(
      "FILE_UNUSABLE",
    );
  });
});
