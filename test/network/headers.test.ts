// Headers that a caller gives: they come along where they must, and a token never reaches a server that it is not for.
import { readFileSync, writeFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { testFolder, testOptions } from "../base/base-options.ts";
import { breaking, sha256 } from "../base/broken-file.ts";
import { getTrusting } from "../base/get-trusting.ts";
import { type Handler, startServer } from "../base/http-server.ts";
import { startSecure } from "../base/secure-server.ts";
import { download } from "../../src/network/download.ts";
import { fetchSmall } from "../../src/network/fetch-small.ts";
import { networkFailureOf } from "../support/failure.ts";
import { describeWithTools } from "../support/tools.ts";

const SECRETS = {
  authorization: "Bearer t0k",
  cookie: "session=t0k",
  "x-token": "t0k",
};
const headers = { ...SECRETS, accept: "application/json" };

const redirect =
  (to: string): Handler =>
  (_, response) => {
    response.writeHead(307, { location: to }).end();
  };

/** What of SECRETS arrived. */
const secretsIn = (received: IncomingHttpHeaders | undefined) =>
  Object.fromEntries(
    Object.keys(SECRETS).flatMap((name) =>
      received?.[name] === undefined ? [] : [[name, received[name]]],
    ),
  );

/** A server that notes the headers of each request for `end`. */
const startNoting = async (answer: Handler = (_, out) => out.end("here")) => {
  const server = await startServer();
  const seen: IncomingHttpHeaders[] = [];
  server.files.set("end", (request, response) => {
    seen.push({ ...request.headers });
    answer(request, response);
  });
  return { ...server, seen };
};

describe("a token", () => {
  const get = (url: string) =>
    fetchSmall(new URL(url), 1000, { ...testOptions(), headers });

  it("goes where it was sent, and along a redirect on the same server", async () => {
    const { address, files, seen } = await startNoting();
    files.set("start", redirect("/end"));
    await get(`${address}end`);
    await get(`${address}start`);
    expect(seen.map(secretsIn)).toEqual([SECRETS, SECRETS]);
  });

  it("does not go to another port of the same host; what was asked for does", async () => {
    const first = await startServer();
    const second = await startNoting();
    first.files.set("start", redirect(`${second.address}end`));
    await get(`${first.address}start`);
    expect(second.seen.map(secretsIn)).toEqual([{}]);
    expect(second.seen[0]?.accept).toBe("application/json");
  });

  it("does not come back with a redirect that another server chose", async () => {
    const first = await startNoting();
    const second = await startServer();
    first.files.set("start", redirect(`${second.address}back`));
    second.files.set("back", redirect(`${first.address}end`));
    await get(`${first.address}start`);
    expect(first.seen.map(secretsIn)).toEqual([{}]);
  });
});

it("a login is demanded by the server that was asked, or by nobody", async () => {
  const first = await startServer();
  const second = await startServer();
  for (const server of [first, second]) {
    server.files.set("login", (_, response) => {
      response.setHeader("www-authenticate", 'Bearer realm="https://x"');
      response.writeHead(401).end();
    });
  }
  first.files.set("away", redirect(`${second.address}login`));
  const failure = (path: string) =>
    networkFailureOf(
      fetchSmall(new URL(`${first.address}${path}`), 1000, testOptions()),
    );
  expect((await failure("login")).challenge).toBe('Bearer realm="https://x"');
  const { challenge, message } = await failure("away");
  expect(challenge).toBeUndefined();
  expect(message).toContain("which demands a login (status 401)");
});

describe("the headers of a download", () => {
  it("are sent for every part, and only its place to the server that has it", async () => {
    const first = await startServer();
    const asked: IncomingHttpHeaders[] = [];
    const second = await startNoting(breaking(2, 100_000));
    first.files.set("start", (request, response) => {
      asked.push({ ...request.headers });
      redirect(`${second.address}end`)(request, response);
    });
    const path = join(testFolder(), "a.partial");
    const url = new URL(`${first.address}start`);
    expect(await download(url, path, { ...testOptions(), headers })).toEqual({
      sha256,
      resumed: true,
    });
    expect(asked.map(secretsIn)).toEqual([SECRETS, SECRETS, SECRETS]);
    expect(asked.map(({ accept }) => accept)).toEqual(
      asked.map(() => headers.accept),
    );
    expect(second.seen.map(secretsIn)).toEqual([{}, {}, {}]);
    expect(second.seen.map(({ range }) => range?.slice(0, 6))).toEqual([
      undefined,
      "bytes=",
      "bytes=",
    ]);
  });
});

describeWithTools(["openssl"], "a token over https", () => {
  const startSecureNoting = async (to?: string) => {
    const seen: IncomingHttpHeaders[] = [];
    const server = await startSecure((request, response) => {
      seen.push({ ...request.headers });
      if (to === undefined) {
        response.end("here");
      } else {
        redirect(to)(request, response);
      }
    });
    return { ...server, seen };
  };

  it("does not come from http, nor go to another port of the same host", async () => {
    const end = await startSecureNoting();
    const secure = await startSecureNoting(end.address);
    const open = await startServer();
    open.files.set("start", redirect(end.address));
    const both = join(testFolder(), "certs");
    writeFileSync(
      both,
      [end.cert, secure.cert].map((path) => readFileSync(path)).join(""),
    );
    for (const url of [secure.address, `${open.address}start`]) {
      expect(await getTrusting(url, both, {}, headers)).toBe("here");
    }
    expect(secure.seen.map(secretsIn)).toEqual([SECRETS]);
    expect(end.seen.map(secretsIn)).toEqual([{}, {}]);
  });

  it("is not sent without encryption, nor is anything else", async () => {
    const open = await startNoting();
    const secure = await startSecureNoting(`${open.address}end`);
    expect(
      await getTrusting(secure.address, secure.cert, {}, headers),
    ).toContain("without encryption");
    expect(secure.seen.map(secretsIn)).toEqual([SECRETS]);
    expect(open.seen).toEqual([]);
  });
});
