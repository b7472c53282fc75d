// The key of the Kubernetes packages, served from this computer; the keys are made by gpg.
import { expect, it } from "vitest";
import { fetchKey } from "../../src/addons/fetch-key.ts";
import { readKey } from "../../src/base/read-key.ts";
import { outcomeOf, testOptions } from "../base/base-options.ts";
import { deadAddress, startServer } from "../base/http-server.ts";
import { describeWithTools } from "../support/tools.ts";
import { openKeyMaker } from "./package-keys.ts";

const ENDS = "20301231T000000";
const LONG_BEFORE = new Date("2030-11-20T00:00:00Z");
const SHORTLY_BEFORE = new Date("2030-12-10T00:00:00Z");
const AFTER = new Date("2031-01-01T00:00:00Z");

/** A server that has this text as the key, and who fetches it. */
const served = async (text: string, fingerprint: string) => {
  const server = await startServer();
  server.files.set("deb/Release.key", Buffer.from(text));
  const url = new URL("deb/Release.key", server.address);
  const options = testOptions();
  return {
    server,
    options,
    fetch: (now: Date, network = true) =>
      fetchKey({ url, fingerprint, now }, { ...options, network }),
  };
};

describeWithTools(["gpg", "gpgconf"], "the key of the packages", () => {
  it("is fetched once, checked, and kept", async () => {
    const keys = await openKeyMaker();
    const { text, fingerprint } = await keys.make("packages", ENDS);
    const { fetch, server, options } = await served(text, fingerprint);
    expect(await fetch(LONG_BEFORE, false)).toBeUndefined();
    const key = await fetch(LONG_BEFORE);
    expect(key).toEqual({
      text,
      fingerprint,
      expires: new Date("2030-12-31T00:00:00Z"),
    });
    expect(await fetch(LONG_BEFORE)).toEqual(key);
    expect(await fetch(LONG_BEFORE, false)).toEqual(key);
    expect(server.requests).toEqual(["deb/Release.key"]);
    expect(options.told()).toEqual([]);
  });

  it("is looked for anew when it expires soon, and the old one serves without a network", async () => {
    const keys = await openKeyMaker();
    const { text, fingerprint } = await keys.make("packages", ENDS);
    const { fetch, server, options } = await served(text, fingerprint);
    const warning =
      "the key of the Kubernetes packages expires on 2030-12-31; a node that starts later fetches it anew";
    await fetch(SHORTLY_BEFORE);
    expect(options.told()).toEqual([warning]);
    await fetch(SHORTLY_BEFORE);
    expect(server.requests).toHaveLength(2);
    await server.close();
    expect((await fetch(SHORTLY_BEFORE))?.text).toBe(text);
    expect(options.told()).toEqual([warning, warning, warning]);
  });

  it("is refused when it has expired", async () => {
    const keys = await openKeyMaker();
    const { text, fingerprint } = await keys.make("packages", ENDS);
    const { fetch, server } = await served(text, fingerprint);
    await fetch(LONG_BEFORE);
    expect(await outcomeOf(fetch(AFTER))).toBe(
      `KEY_EXPIRED 1: the key of the Kubernetes packages at ${server.address}deb/Release.key expired on 2030-12-31`,
    );
    // From then on the cache has none either.
    expect(await fetch(AFTER, false)).toBeUndefined();
  });

  it("never expires where its owner says so", async () => {
    const keys = await openKeyMaker();
    const { text, fingerprint } = await keys.make("packages", "never");
    const { fetch, options } = await served(text, fingerprint);
    expect((await fetch(AFTER))?.expires).toBeUndefined();
    expect(options.told()).toEqual([]);
  });

  it("is refused when it is another one", async () => {
    const keys = await openKeyMaker();
    const { text, fingerprint } = await keys.make("somebody", ENDS);
    const pinned = "DE15B14486CD377B9E876E1A234654DA9A296436";
    const { fetch, server } = await served(text, pinned);
    expect(await outcomeOf(fetch(LONG_BEFORE))).toBe(
      `KEY_WRONG 4: ${server.address}deb/Release.key is not the key of the Kubernetes packages: it has the fingerprint ${fingerprint}, not ${pinned}`,
    );
    expect(await fetch(LONG_BEFORE, false)).toBeUndefined();
  });

  it("is alone in its file, since apt trusts every key there", async () => {
    const keys = await openKeyMaker();
    const good = await keys.make("packages", ENDS);
    const other = await keys.make("somebody", ENDS);
    for (const text of [
      good.text + other.text,
      await keys.exportAll(good, other),
    ]) {
      await expect(readKey(text, good.fingerprint)).rejects.toThrow(
        "holds more than one key",
      );
    }
    const around = await readKey(`words\n${good.text}words`, good.fingerprint);
    expect(around.text).toBe(good.text);
  });

  it("is refused when its owner has revoked it, or it is cut", async () => {
    const keys = await openKeyMaker();
    const key = await keys.make("packages", ENDS);
    const revoked = await keys.revoke(key);
    await expect(readKey(revoked, key.fingerprint)).rejects.toThrow(
      "is revoked",
    );
    const lines = key.text.split("\n");
    const cut = [...lines.slice(0, 3), ...lines.slice(-4)].join("\n");
    await expect(readKey(cut, key.fingerprint)).rejects.toThrow(
      "cannot be read as an OpenPGP key",
    );
    await expect(readKey("<html>", key.fingerprint)).rejects.toThrow(
      "is not an ASCII-armoured OpenPGP key",
    );
  });

  it("is missing without a network", async () => {
    const url = new URL("Release.key", await deadAddress());
    await expect(
      fetchKey(
        { url, fingerprint: "0".repeat(40), now: LONG_BEFORE },
        { ...testOptions(), network: true },
      ),
    ).rejects.toMatchObject({ name: "NetworkFailure", kind: "unreachable" });
  });
});
