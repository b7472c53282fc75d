// Images come whole from a real registry in all the ways of public ones, and nothing that is not what its digest says is kept.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithTools } from "../../support/tools.ts";
import {
  askingFront,
  fillRegistry,
  pullFrom,
  REGISTRY,
} from "./filled-registry.ts";
import { demandTokens, type Registry, startFront } from "./registry.ts";
import { digestOf } from "./sample-image.ts";

describeWithTools(["docker-registry", "skopeo"], "an image", () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await fillRegistry();
  });
  afterAll(() => registry.close());

  it.each([
    ["app", "application/vnd.oci.image.manifest.v1+json"],
    ["docker", "application/vnd.docker.distribution.manifest.v2+json"],
    ["single", "application/vnd.oci.image.manifest.v1+json"],
  ])(
    "%s is the one for a Raspberry Pi, with every part",
    async (name, type) => {
      const front = await startFront(registry);
      const image = await pullFrom(name, askingFront(front));
      expect(image.name).toBe(`${REGISTRY}/team/${name}:1`);
      expect(image.manifest.mediaType).toBe(type);
      // Of four layers two are the same.
      expect(image.blobs).toHaveLength(4);
      const read = (digest: string) => readFileSync(image.paths.get(digest)!);
      for (const { digest, size } of [image.manifest, ...image.blobs]) {
        expect(digestOf(read(digest))).toBe(digest);
        expect(read(digest)).toHaveLength(size);
      }
      expect(JSON.parse(String(read(image.blobs[0]!.digest)))).toMatchObject({
        architecture: "arm64",
      });
    },
  );

  it("of a registry that wants a token is asked for with one, and again when that has expired", async () => {
    const front = await startFront(registry);
    demandTokens(front, 3);
    await pullFrom("app", askingFront(front));
    const tokens = front.asked.filter(({ url }) => url.startsWith("/token"));
    expect(tokens.length).toBeGreaterThan(1);
    for (const { url, headers } of tokens) {
      const { searchParams } = new URL(url, front.address);
      expect(Object.fromEntries(searchParams)).toEqual({
        service: 'the, "front"',
        scope: "repository:team/app:pull",
      });
      expect(headers.authorization).toBeUndefined();
    }
  });
});
