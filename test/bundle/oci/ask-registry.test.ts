// Images come whole from a real registry in all the ways of public ones, and no token gets where it does not belong.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ACCEPTED } from "../../../src/bundle/oci/media-types.ts";
import { resolveImage } from "../../../src/bundle/oci/resolve-image.ts";
import { outcomeOf } from "../../base/base-options.ts";
import { describeWithTools } from "../../support/tools.ts";
import {
  askingFront,
  expectSame,
  flipped,
  isBlob,
  pullFrom,
  REGISTRY,
  setUp,
  withRegistry,
} from "./filled-registry.ts";
import { demandTokens, type Front, startFront } from "./registry.ts";
import { digestOf } from "./sample-image.ts";

describeWithTools(["docker-registry", "skopeo"], "an image", () => {
  const fixture = withRegistry();

  it.each([
    ["app", "application/vnd.oci.image.manifest.v1+json"],
    ["docker", "application/vnd.docker.distribution.manifest.v2+json"],
    ["single", "application/vnd.oci.image.manifest.v1+json"],
  ])(
    "%s is the one for a Raspberry Pi, with every part",
    async (name, type) => {
      const front = await startFront(fixture.registry);
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
    const front = await startFront(fixture.registry);
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

  /** Sends every blob from another server, and says what that one was asked. */
  const redirectBlobs = (front: Front, store: Front) => {
    const { fault } = front;
    front.fault = (request, response) => {
      const { url = "" } = request;
      const answered = fault(request, response);
      if (answered === true || !url.includes("/blobs/")) {
        return answered;
      }
      response.writeHead(307, { location: `${store.address}${url}` }).end();
      return true;
    };
  };

  it("blobs come from another server, which never sees the token", async () => {
    const { front, options } = await setUp(fixture);
    const store = await startFront(fixture.registry);
    redirectBlobs(front, store);
    demandTokens(front);
    expectSame(await pullFrom("app", options), fixture.whole);
    expect(store.asked.length).toBe(fixture.whole.blobs.length);
    for (const { headers } of store.asked) {
      expect(headers).not.toHaveProperty("authorization");
    }
    // What leads there was asked for with it.
    expect(
      front.asked.filter(({ headers }) => headers.authorization !== undefined)
        .length,
    ).toBeGreaterThan(fixture.whole.blobs.length);
  });

  it("a server that a redirect leads to is given no token, however it asks", async () => {
    const { front, options } = await setUp(fixture);
    const store = await startFront(fixture.registry);
    redirectBlobs(front, store);
    demandTokens(front);
    demandTokens(store);
    expect(await outcomeOf(pullFrom("app", options))).toMatch(
      /^BUNDLE_INCOMPLETE 2: .* redirects to .* which demands a login/,
    );
    expect(store.paths()).not.toContain("/token");
    for (const { headers } of store.asked) {
      expect(headers).not.toHaveProperty("authorization");
    }
  });

  it.each(["/manifests/1", "/manifests/sha256:", "/blobs/sha256:", "/token"])(
    "a registry that has had enough is asked again when it says: %s",
    async (part) => {
      const { front, options } = await setUp(fixture);
      demandTokens(front);
      const { fault } = front;
      let refusals = 2;
      front.fault = (request, response) => {
        if (refusals > 0 && (request.url ?? "").includes(part)) {
          refusals -= 1;
          response
            .writeHead(refusals === 1 ? 429 : 503, { "retry-after": "0" })
            .end();
          return true;
        }
        return fault(request, response);
      };
      expectSame(await pullFrom("app", options), fixture.whole);
      expect(options.told().join("\n")).toMatch(
        /status 429; trying again in 0 s\n.*status 503; trying again in 0 s/,
      );
    },
  );

  it("a registry that wants a password is left alone", async () => {
    const { front, options } = await setUp(fixture);
    front.fault = (_, response) => {
      response.setHeader("www-authenticate", 'Basic realm="Registry"');
      response.writeHead(401).end();
      return true;
    };
    expect(await outcomeOf(pullFrom("app", options))).toBe(
      `BUNDLE_INCOMPLETE 2: the image ${REGISTRY}/team/app:1 cannot be had: ${front.host} demands a login with a name and a password, and pi-image has none for registries`,
    );
    expect(front.asked).toHaveLength(1);
  });

  it("a registry that no token satisfies is not asked without end", async () => {
    const { front, options } = await setUp(fixture);
    demandTokens(front, 0);
    expect(await outcomeOf(pullFrom("app", options))).toContain(
      `${front.host} has no team/app for everybody: there is none, or it is private`,
    );
    expect(front.asked.length).toBeLessThan(10);
  });

  it.each([
    ["nothing", "{}"],
    ["no JSON", "<token>"],
    ["a token that would end the header", '{"token":"a\\r\\nx: y"}'],
  ])("a token server that gives %s is refused", async (_, answer) => {
    const { front, options } = await setUp(fixture);
    demandTokens(front);
    const { fault } = front;
    front.fault = (request, response) => {
      if ((request.url ?? "").startsWith("/token")) {
        response.end(answer);
        return true;
      }
      return fault(request, response);
    };
    expect(await outcomeOf(pullFrom("app", options))).toContain(
      `${front.address}/token gives no token`,
    );
  });

  it("a mirror with wrong bytes, or none, is passed over with a warning", async () => {
    const { front, options } = await setUp(fixture);
    const wrong = await startFront(fixture.registry);
    wrong.fault = (request, response) => {
      if (isBlob(request, fixture.layer.digest)) {
        response.end(flipped(fixture.layer.bytes));
        return true;
      }
      return undefined;
    };
    const mirrors = ["http://127.0.0.1:1", wrong.address, front.address];
    const image = await pullFrom("app", {
      ...options,
      registries: mirrors.map((mirror) => ({ registry: REGISTRY, mirror })),
    });
    expectSame(image, fixture.whole);
    const told = options.told().join("\n");
    expect(told).toContain(`asking ${wrong.host} instead`);
    expect(told).toMatch(
      new RegExp(`does not have the checksum .*; asking ${front.host} instead`),
    );
    // A mirror that is not there is waited for once a call, not with every blob.
    expect(told.match(/127\.0\.0\.1:1 cannot be reached/g)).toHaveLength(2);
    expect(front.paths().filter((path) => path.includes("/blobs/"))).toEqual([
      `/v2/team/app/blobs/${fixture.layer.digest}`,
    ]);
    // By this caches of several registries know which one is meant.
    expect(front.asked[0]?.url).toMatch(/\?ns=localhost:1$/);
  });

  it("the locked manifest is taken whatever the tag means now, and from the cache without any network", async () => {
    const { front, options } = await setUp(fixture);
    const locked = fixture.whole.digest;
    expectSame(await pullFrom("app", { ...options, locked }), fixture.whole);
    expect(front.paths()).not.toContain("/v2/team/app/manifests/1");
    const before = front.asked.length;
    expectSame(
      await pullFrom("app", { ...options, locked, registries: [] }),
      fixture.whole,
    );
    expect(front.asked.length).toBe(before);
  });

  it("a locked manifest that its registry no longer has is told with its digest", async () => {
    const { options } = await setUp(fixture);
    const locked = `sha256:${"0".repeat(64)}`;
    expect(await outcomeOf(pullFrom("app", { ...options, locked }))).toMatch(
      /^BUNDLE_INCOMPLETE 2: .*\/manifests\/sha256:0{64} does not exist \(status 404\)/,
    );
  });

  it("a name with a digest is that image, whether the digest is of an index or of a manifest", async () => {
    const { front, options } = await setUp(fixture);
    const answer = await fetch(`${front.address}/v2/team/app/manifests/1`, {
      headers: { accept: ACCEPTED },
    });
    const index = digestOf(Buffer.from(await answer.arrayBuffer()));
    expect(index).not.toBe(fixture.whole.digest);
    for (const digest of [index, fixture.whole.digest]) {
      expect(
        await resolveImage(`${REGISTRY}/team/app:ignored@${digest}`, options),
      ).toEqual({
        name: `${REGISTRY}/team/app@${digest}`,
        digest: fixture.whole.digest,
        manifest: fixture.whole.manifest,
        blobs: fixture.whole.blobs,
      });
    }
  });

  it("runs at the same time fetch each blob once", async () => {
    const { front, options } = await setUp(fixture);
    const images = await Promise.all([
      pullFrom("app", options),
      pullFrom("app", options),
    ]);
    images.forEach((image) => expectSame(image, fixture.whole));
    const blobs = front.paths().filter((path) => path.includes("/blobs/"));
    expect(blobs.length).toBe(new Set(blobs).size);
  });

  it("the progress is of the image, in bytes", async () => {
    const { options } = await setUp(fixture);
    await pullFrom("app", options);
    const total = [fixture.whole.manifest, ...fixture.whole.blobs].reduce(
      (sum, { size }) => sum + size,
      0,
    );
    const events = options.events.filter(
      (event) => event.type === "phase" || event.type === "progress",
    );
    expect(events.filter(({ type }) => type === "phase")).toHaveLength(1);
    for (const event of events) {
      expect(event).toMatchObject({
        phase: "download",
        subject: `${REGISTRY}/team/app:1`,
        total,
      });
    }
    const done = events.flatMap((event) =>
      "done" in event ? [event.done] : [],
    );
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done.at(-1)).toBe(total);
    expect(done.length).toBeGreaterThan(5);
  });

  it("everything goes through the proxy of the environment", async () => {
    const { front } = await setUp(fixture);
    const options = {
      ...askingFront(front, { http_proxy: front.address }),
      registries: [
        { registry: REGISTRY, mirror: "http://cache.example/v2/project" },
      ],
    };
    front.fault = (request) => {
      request.url = request.url?.replace("/v2/project/", "/v2/");
      return undefined;
    };
    expectSame(await pullFrom("app", options), fixture.whole);
    expect(front.asked[0]?.headers.host).toBe("cache.example");
  });
});
