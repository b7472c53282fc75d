// The key of the Kubernetes packages, served from this computer; the keys are made by gpg.
import { expect, it } from "vitest";
import { fetchKey } from "../../src/supplies/fetch-key.ts";
import { readKey } from "../../src/base/proof/read-key.ts";
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
    expect(await keys.primaries(key?.text ?? "")).toEqual([fingerprint]);
    expect(key).toMatchObject({
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
    expect((await fetch(SHORTLY_BEFORE))?.fingerprint).toBe(fingerprint);
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
    const binary = Buffer.from(
      other.text.split("\n").slice(2, -3).join(""),
      "base64",
    ).toString("latin1");
    const both = await keys.exportAll(good, other);
    expect(await keys.primaries(both)).toHaveLength(2);
    const begin = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
    for (const [text, why] of [
      [both, "holds more than one key"],
      [good.text + other.text, "holds more than one block of OpenPGP data"],
      [
        `${good.text}${other.text.replaceAll("PUBLIC KEY BLOCK", "MESSAGE")}`,
        "holds more than one block of OpenPGP data",
      ],
      [
        good.text.replace(begin, `${begin}\n\n${begin}`),
        "holds more than one block of OpenPGP data",
      ],
      [`${binary}\n${good.text}`, "holds other bytes around the key"],
      [good.text + binary, "holds other bytes around the key"],
      [binary, "is not an ASCII-armoured OpenPGP key"],
      [await keys.exportSecret(good), "is not an ASCII-armoured OpenPGP key"],
      [
        (await keys.exportSecret(good)).replaceAll("PRIVATE", "PUBLIC"),
        "holds a private key",
      ],
    ] as const) {
      await expect(readKey(text, good.fingerprint), why).rejects.toThrow(why);
    }
  });

  it("is written anew, without anything that the server put around it or into it", async () => {
    const keys = await openKeyMaker();
    const good = await keys.make("packages", ENDS);
    const other = await keys.make("somebody", ENDS);
    const plain = await readKey(good.text, good.fingerprint);
    expect(await keys.primaries(plain.text)).toEqual([good.fingerprint]);
    // What ends for one reader goes on for the next: a second body behind the checksum of the first.
    const body = other.text.split("\n").slice(2, -2).join("\n");
    const hidden = good.text.replace("-----END", `${body}\n-----END`);
    const read = await readKey(hidden, good.fingerprint).then(
      ({ text }) => text,
      () => "refused",
    );
    expect([plain.text, "refused"]).toContain(read);
    const around = await readKey(
      `words\n${good.text.replaceAll("\n", "\r\n")}words`,
      good.fingerprint,
    );
    expect(around).toEqual(plain);
  });

  it("loses a subkey that it does not vouch for", async () => {
    const keys = await openKeyMaker();
    const good = await keys.make("packages", ENDS);
    const { readKey: parse, generateKey } = await import("openpgp");
    const stranger = await generateKey({
      userIDs: [{ name: "somebody" }],
      subkeys: [{ sign: true }],
      format: "object",
    });
    const key = await parse({ armoredKey: good.text });
    key.subkeys.push(...stranger.publicKey.subkeys);
    const { text } = await readKey(key.armor(), good.fingerprint);
    expect((await parse({ armoredKey: text })).subkeys).toEqual([]);
  });

  it("is fetched anew after a week, and used with a word where that is impossible", async () => {
    const keys = await openKeyMaker();
    const { text, fingerprint } = await keys.make("packages", "never");
    const { fetch, server, options } = await served(text, fingerprint);
    const after = (days: number) =>
      new Date(LONG_BEFORE.getTime() + days * 86_400_000);
    await fetch(LONG_BEFORE);
    await fetch(after(6.9));
    // A clock that was wrong for a while must not keep a key for years.
    await fetch(after(-1));
    expect(server.requests).toHaveLength(2);
    await fetch(after(7));
    expect(server.requests).toHaveLength(3);
    await server.close();
    expect(options.told()).toEqual([]);
    expect((await fetch(after(14)))?.fingerprint).toBe(fingerprint);
    expect(options.told()).toEqual([
      expect.stringContaining(
        "using the key of the Kubernetes packages as it was fetched on 2030-11-27; if it has been revoked since, this computer does not know",
      ),
    ]);
  });

  it("stays revoked, whatever the server says next and without a network", async () => {
    const keys = await openKeyMaker();
    const key = await keys.make("packages", "never");
    const { fetch, server } = await served(key.text, key.fingerprint);
    await fetch(LONG_BEFORE);
    server.files.set("deb/Release.key", Buffer.from(await keys.revoke(key)));
    expect((await fetch(LONG_BEFORE))?.fingerprint).toBe(key.fingerprint);
    const later = new Date(LONG_BEFORE.getTime() + 8 * 86_400_000);
    const revoked = "it is revoked";
    expect(await outcomeOf(fetch(later))).toContain(revoked);
    server.files.set("deb/Release.key", Buffer.from(key.text));
    expect(await outcomeOf(fetch(later))).toContain(revoked);
    expect(await outcomeOf(fetch(later, false))).toContain(revoked);
  });

  it("is refused when its owner has revoked it, or it is cut", async () => {
    const keys = await openKeyMaker();
    const key = await keys.make("packages", ENDS);
    const revoked = await keys.revoke(key);
    await expect(readKey(revoked, key.fingerprint)).rejects.toThrow(
      "is revoked",
    );
    // In its first packet: what follows a later cut may be read as a key, depending on the random bytes of this one.
    const [begin, blank, data] = key.text.split("\n");
    const cut = [begin, blank, data, "-----END PGP PUBLIC KEY BLOCK-----"].join(
      "\n",
    );
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
