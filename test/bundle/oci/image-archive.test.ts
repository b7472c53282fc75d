// The archive of images: the same bytes every time, and what real programs find in it is what the registry had.
import { execFile, spawn } from "node:child_process";
import { createWriteStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import {
  type ImageArchive,
  imageArchive,
} from "../../../src/bundle/oci/image-archive.ts";
import type { PulledImage } from "../../../src/bundle/oci/pull-image.ts";
import { testFolder } from "../../base/base-options.ts";
import { failureOf } from "../../support/failure.ts";
import { describeAsRoot, describeWithTools } from "../../support/tools.ts";
import {
  askingFront,
  fillRegistry,
  pullFrom,
  REGISTRY,
} from "./filled-registry.ts";
import { type Registry, startFront } from "./registry.ts";

const run = async (program: string, ...args: string[]) =>
  (await promisify(execFile)(program, args, { maxBuffer: 2 ** 24 })).stdout;

const bytesOf = async ({ pieces }: ImageArchive): Promise<Buffer> => {
  const all: Uint8Array[] = [];
  for await (const piece of pieces()) {
    all.push(piece);
  }
  return Buffer.concat(all);
};

const TOOLS = ["docker-registry", "skopeo"];

describeWithTools(TOOLS, "an archive of images", () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await fillRegistry();
  });
  afterAll(() => registry.close());

  const NAMES = ["app", "docker", "liar", "single"];
  const pullAll = async (names = NAMES): Promise<readonly PulledImage[]> => {
    const options = askingFront(await startFront(registry));
    const images = [];
    for (const name of names) {
      images.push(await pullFrom(name, options));
    }
    return images;
  };
  const writeArchive = async (images: readonly PulledImage[]) => {
    const path = join(testFolder(), "images.tar");
    await pipeline(imageArchive(images).pieces(), createWriteStream(path));
    return path;
  };

  it("has the announced size, and the same bytes from another cache and in another order", async () => {
    const archive = imageArchive(await pullAll());
    const bytes = await bytesOf(archive);
    expect(bytes.length).toBe(archive.bytes);
    const again = imageArchive(
      await pullAll([...NAMES.toReversed(), NAMES[0]!]),
    );
    expect((await bytesOf(again)).equals(bytes)).toBe(true);
    expect((await bytesOf(again)).equals(bytes)).toBe(true);
  });

  it("has each blob once, without times, owners or folders", async () => {
    const path = await writeArchive(await pullAll());
    const listed = (
      await run("tar", "--utc", "--full-time", "--numeric-owner", "-tvf", path)
    )
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/));
    const names = listed.map((words) => words.at(-1) ?? "");
    expect(names).toEqual([...new Set(names)].sort());
    expect(names.slice(-2)).toEqual(["index.json", "oci-layout"]);
    // All three images have two layers in common, and the two of OCI's formats a third.
    expect(names.length).toBe(3 + 3 + 3 + 2 + 2);
    for (const [mode, owner, , day, time] of listed) {
      expect([mode, owner, day, time]).toEqual([
        "-rw-r--r--",
        "0/0",
        "1970-01-01",
        "00:00:00",
      ]);
    }
  });

  // skopeo 1.9 takes no manifest of Docker's type from an OCI layout; containerd is asked below.
  it.each(NAMES.filter((name) => name !== "docker"))(
    "gives skopeo the image %s as the registry has it",
    async (name) => {
      const path = await writeArchive(await pullAll());
      const inspect = async (...args: string[]) =>
        JSON.parse(await run("skopeo", "inspect", "--raw", ...args)) as unknown;
      const manifest = await inspect(
        `oci-archive:${path}:${REGISTRY}/team/${name}:1`,
      );
      const images = await pullAll([name]);
      expect(manifest).toEqual(
        await inspect(
          "--tls-verify=false",
          `docker://${registry.host}/team/${name}@${images[0]?.digest}`,
        ),
      );
      // Reads every blob, and compares it.
      await run(
        "skopeo",
        "copy",
        "--insecure-policy",
        `oci-archive:${path}:${REGISTRY}/team/${name}:1`,
        `dir:${join(testFolder(), "copy")}`,
      );
    },
  );

  it("ends where the cache has changed since", async () => {
    const images = await pullAll(["app"]);
    const [image] = images;
    const path = image!.paths.get(image!.blobs[1]!.digest)!;
    writeFileSync(path, Buffer.alloc(image!.blobs[1]!.size));
    const error = await failureOf(bytesOf(imageArchive(images)));
    expect(error.code).toBe("CHECKSUM_MISMATCH");
  });

  describeAsRoot(["ctr", "containerd"], "for containerd", () => {
    /** One of its own, which lives as long as the test. */
    const startContainerd = async () => {
      const folder = testFolder();
      const config = join(folder, "config.toml");
      const socket = join(folder, "socket");
      writeFileSync(
        config,
        `version = 2
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "${socket}"
`,
      );
      const child = spawn("containerd", ["--config", config], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      const ended = new Promise((resolve) => {
        child.on("close", resolve);
      });
      onTestFinished(async () => {
        child.kill();
        await ended;
      });
      await new Promise<void>((resolve, reject) => {
        const said: string[] = [];
        createInterface({ input: child.stderr }).on("line", (line) => {
          said.push(line);
          if (line.includes("containerd successfully booted")) {
            resolve();
          }
        });
        child.on("close", () => reject(new Error(said.join("\n"))));
      });
      return (...args: string[]) =>
        run("ctr", "--address", socket, "--namespace", "k8s.io", ...args);
    };

    it("has all images under their names, complete and unpacked", async () => {
      const images = await pullAll();
      const path = await writeArchive(images);
      const ctr = await startContainerd();
      const native = ["--snapshotter", "native"];
      const ours = ["--platform", "linux/arm64"];
      await ctr("images", "import", ...native, ...ours, path);
      const checked = (await ctr("images", "check", ...native))
        .trim()
        .split("\n")
        .slice(1)
        .map((line) => line.split(/\s+/));
      expect(
        checked.map((words) => [
          ...[0, 2, 3].map((at) => words[at]),
          words.at(-1),
        ]),
      ).toEqual(
        images.map(({ name, digest }) => [name, digest, "complete", "true"]),
      );
    });
  });
});
