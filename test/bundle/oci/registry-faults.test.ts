// Registries that answer as they should not, and networks that break: nothing that is not what its digest says is kept.
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { expect, it } from "vitest";
import { resolveImage } from "../../../src/bundle/oci/resolve-image.ts";
import { outcomeOf } from "../../base/base-options.ts";
import { describeWithTools } from "../../support/tools.ts";
import {
  askingFront,
  expectSame,
  flipped,
  isBlob,
  keptIn,
  pullFrom,
  REGISTRY,
  setUp,
  withRegistry,
} from "./filled-registry.ts";
import { demandTokens, startFront } from "./registry.ts";

describeWithTools(["docker-registry", "skopeo"], "of an image", () => {
  const fixture = withRegistry();

  /** Breaks the connection after so many bytes, `times` times, however often it is asked to go on. */
  const cutting =
    (bytes: Buffer, digest: string, after: number, times: number) =>
    (request: IncomingMessage, response: ServerResponse) => {
      if (times === 0 || !isBlob(request, digest)) {
        return undefined;
      }
      times -= 1;
      const start = Number(
        /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0,
      );
      response.writeHead(start === 0 ? 200 : 206, {
        etag: `"${digest}"`,
        "content-length": bytes.length - start,
        ...(start > 0 && {
          "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
        }),
      });
      response.write(bytes.subarray(start, start + after), () =>
        response.destroy(),
      );
      return true as const;
    };

  it("a layer goes on where the connection broke, with a new token where the old one has expired", async () => {
    const { front, options } = await setUp(fixture);
    front.fault = cutting(fixture.layer.bytes, fixture.layer.digest, 70_000, 3);
    demandTokens(front, 1);
    expectSame(await pullFrom("app", options), fixture.whole);
    const ranges = front.asked
      .filter(({ url }) => url.includes(fixture.layer.digest))
      .map(({ headers }) => Number(headers.range?.slice(6, -1) ?? 0));
    expect(Math.max(...ranges)).toBeGreaterThan(100_000);
    expect(ranges).toEqual(ranges.toSorted((a, b) => a - b));
  });

  it("a layer goes on where an earlier run was cancelled", async () => {
    const { front } = await setUp(fixture);
    front.fault = cutting(fixture.layer.bytes, fixture.layer.digest, 70_000, 1);
    const stop = new AbortController();
    const options = {
      ...askingFront(front),
      signal: stop.signal,
    };
    const first = pullFrom("app", {
      ...options,
      report: (event) => {
        if (event.type === "notice") {
          stop.abort();
        }
      },
    });
    await expect(first).rejects.toThrow(/abort/i);
    expect(keptIn(options).whole).not.toContain(fixture.layer.digest);
    const before = front.asked.length;
    expectSame(
      await pullFrom("app", {
        ...options,
        signal: new AbortController().signal,
      }),
      fixture.whole,
    );
    const [again] = front.asked
      .slice(before)
      .filter(({ url }) => url.includes(fixture.layer.digest));
    expect(again?.headers.range).toMatch(/^bytes=[1-9]\d+-$/);
  });

  it.each<readonly [string, (bytes: Buffer, response: ServerResponse) => void]>(
    [
      [
        "cut off where a chunk ends",
        (bytes, response) => {
          response.write(bytes.subarray(0, 65_536));
          response.end();
        },
      ],
      [
        "cut off, and called whole",
        (bytes, response) => response.end(bytes.subarray(0, 65_536)),
      ],
      [
        "of the right size with a wrong bit",
        (bytes, response) => response.end(flipped(bytes)),
      ],
      [
        "with a byte too many",
        (bytes, response) => response.end(Buffer.concat([bytes, Buffer.of(0)])),
      ],
      [
        "a hundred times as long",
        (bytes, response) => {
          Readable.from(Array.from({ length: 100 }, () => bytes)).pipe(
            response,
          );
        },
      ],
      ["that is empty", (_, response) => response.end()],
    ],
  )("a layer %s is refused, and nothing of it is kept", async (_, send) => {
    const { front, options } = await setUp(fixture);
    front.fault = (request, response) => {
      if (!isBlob(request, fixture.layer.digest)) {
        return undefined;
      }
      response.setHeader("etag", '"1"');
      send(fixture.layer.bytes, response);
      return true;
    };
    let received = 0;
    expect(
      await outcomeOf(
        pullFrom("app", {
          ...options,
          report: (event) => {
            if (event.type === "progress") {
              received = Math.max(received, event.done);
            }
          },
        }),
      ),
    ).toMatch(/^CHECKSUM_MISMATCH 4: /);
    // No more than belongs to the image.
    const { manifest, blobs } = fixture.whole;
    expect(received).toBeLessThanOrEqual(
      [manifest, ...blobs].reduce((sum, { size }) => sum + size, 0),
    );
    const { whole, parts } = keptIn(options);
    expect(whole).not.toContain(fixture.layer.digest);
    expect(parts).toEqual([]);
    // The registry has recovered.
    front.fault = () => undefined;
    await pullFrom("app", options);
    expect(keptIn(options).whole).toContain(fixture.layer.digest);
  });

  it("a manifest that is not the one of the index is refused", async () => {
    const { front, options } = await setUp(fixture);
    front.fault = (request, response) => {
      if (!(request.url ?? "").includes(`/manifests/${fixture.whole.digest}`)) {
        return undefined;
      }
      const json = JSON.parse(
        String(readFileSync(fixture.whole.paths.get(fixture.whole.digest)!)),
      ) as { layers: unknown[] };
      json.layers.reverse();
      response.end(JSON.stringify(json));
      return true;
    };
    expect(await outcomeOf(pullFrom("app", options))).toMatch(
      /^CHECKSUM_MISMATCH 4: /,
    );
    expect(keptIn(options)).toEqual({ whole: [], parts: [] });
  });

  it.each([
    [
      "foreign",
      `BUNDLE_INCOMPLETE 2: the image ${REGISTRY}/team/foreign:1 exists only for linux/amd64, linux/arm/v7, and Raspberry Pis are linux/arm64`,
    ],
    [
      "amd",
      `BUNDLE_INCOMPLETE 2: the image ${REGISTRY}/team/amd:1 exists only for linux/amd64, and Raspberry Pis are linux/arm64`,
    ],
  ])("the platform is another: %s", async (name, outcome) => {
    const front = await startFront(fixture.registry);
    expect(await outcomeOf(pullFrom(name, askingFront(front)))).toBe(outcome);
    // Nothing large was fetched for that.
    const blobs = front.paths().filter((path) => path.includes("/blobs/"));
    expect(blobs.length).toBeLessThanOrEqual(1);
  });

  it("the platform is named twice and differently, and what the index says holds", async () => {
    const { options } = await setUp(fixture);
    await pullFrom("liar", options);
    expect(options.told()).toEqual([
      `the configuration of ${REGISTRY}/team/liar:1 says linux/amd64, although its index says linux/arm64`,
    ]);
  });

  it("what does not exist is told with its name", async () => {
    const { options, front } = await setUp(fixture);
    expect(await outcomeOf(pullFrom("nothing", options))).toBe(
      `BUNDLE_INCOMPLETE 2: the image ${REGISTRY}/team/nothing:1 cannot be had: ${front.address}/v2/team/nothing/manifests/1 does not exist (status 404)`,
    );
  });

  it("a name that is none is told so", async () => {
    expect(
      await outcomeOf(
        resolveImage("Team/App:1", (await setUp(fixture)).options),
      ),
    ).toBe(
      'BUNDLE_INCOMPLETE 2: the image "Team/App:1" has capital letters before its tag; image names are written in small letters',
    );
  });
});
