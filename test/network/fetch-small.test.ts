// Small files, and redirects: no password leaves its host, and nothing has no end.
import { describe, expect, it } from "vitest";
import { fetchSmall } from "../../src/network/fetch-small.ts";
import { networkFailureOf } from "../support/failure.ts";
import { testOptions } from "../base/base-options.ts";
import { type Handler, startServer } from "../base/http-server.ts";
import { data, breaking } from "../base/broken-file.ts";

describe("a redirect", () => {
  const redirect =
    (to: string): Handler =>
    (_, response) => {
      response.writeHead(302, { location: to });
      response.end();
    };
  const get = async (url: string) =>
    (await fetchSmall(new URL(url), 1000, testOptions())).toString();

  it("is followed, and the password stays with its host", async () => {
    const first = await startServer();
    const second = await startServer();
    const seen: (string | undefined)[] = [];
    second.files.set("b", (request, response) => {
      seen.push(request.headers.authorization);
      response.end("here");
    });
    first.files.set("b", (request, response) => {
      seen.push(request.headers.authorization);
      response.end("home");
    });
    first.files.set("away", redirect(`${second.address}b`));
    first.files.set("home", redirect("/b"));
    const withPassword = first.address.replace("//", "//ana:secret@");
    expect(await get(`${withPassword}away`)).toBe("here");
    expect(await get(`${withPassword}home`)).toBe("home");
    expect(seen).toEqual([
      undefined,
      `Basic ${Buffer.from("ana:secret").toString("base64")}`,
    ]);
  });

  it("in a circle, or to something other than the web, ends", async () => {
    const server = await startServer();
    server.files.set("circle", redirect("/circle"));
    server.files.set("file", redirect("file:///etc/passwd"));
    server.files.set("none", redirect("http://"));
    const message = async (name: string) =>
      (await networkFailureOf(get(`${server.address}${name}`))).message;
    expect(await message("circle")).toContain("more than 5 times");
    expect(await message("file")).toContain("is not followed");
    expect(await message("none")).toContain("is not followed");
  });

  it("shows no password and no token in a message", async () => {
    const server = await startServer();
    const url = `${server.address.replace("//", "//ana:secret@")}a?token=t0k`;
    const { message } = await networkFailureOf(get(url));
    expect(message).toContain("/a does not exist");
    expect(message).not.toMatch(/secret|ana|t0k/);
  });
});

describe("a small file", () => {
  it("beyond its limit is refused", async () => {
    const server = await startServer();
    server.files.set("list", Buffer.alloc(1001));
    const work = fetchSmall(
      new URL(`${server.address}list`),
      1000,
      testOptions(),
    );
    expect((await networkFailureOf(work)).message).toContain(
      "larger than 1000 bytes",
    );
  });
  it("is fetched again when the server said when", async () => {
    const server = await startServer();
    const options = testOptions();
    server.files.set("list", (_, response) => {
      server.files.set("list", Buffer.from("here"));
      response.writeHead(429, { "retry-after": "0" }).end();
    });
    const url = new URL(`${server.address}list`);
    expect((await fetchSmall(url, 1000, options)).toString()).toBe("here");
    expect(options.told()).toEqual([
      `the server answers ${url.href} with status 429; trying again in 0 s`,
    ]);
  });
  it("is fetched again after a break", async () => {
    const server = await startServer();
    server.files.set("list", breaking(2, 10));
    const bytes = await fetchSmall(
      new URL(`${server.address}list`),
      2 ** 20,
      testOptions(),
    );
    expect(Buffer.compare(bytes, data)).toBe(0);
  });
});
