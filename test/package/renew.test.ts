// The renewal of pins, against a stand-in of the servers.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { keyFindings } from "../../.ci/renew/keys.ts";
import { renewImages } from "../../.ci/renew/images.ts";
import { type Get, renewManifests } from "../../.ci/renew/manifests.ts";
import { packageFile } from "../../src/system/package-files.ts";

const NOW = new Date("2027-06-10T00:00:00Z");

const release = (tag_name: string, day: string, kind = {}) => ({
  tag_name,
  draft: false,
  prerelease: false,
  published_at: `${day}T00:00:00Z`,
  ...kind,
});

/** Every repository has these releases, and every other address serves its own name. */
const serve =
  (releases: readonly object[]): Get =>
  async (url) =>
    Buffer.from(
      url.startsWith("https://api.github.com/repos/")
        ? JSON.stringify(releases)
        : url,
    );

const text = await readFile(packageFile("profiles/manifests.yaml"), "utf8");

describe("renew", () => {
  it("takes the newest release that is a week old, address and checksum with it", async () => {
    const { text: renewed, notes } = await renewManifests(
      text,
      serve([
        release("v99.9.0", "2027-01-01"),
        release("v99.10.1", "2027-06-03"),
        release("v99.11.0", "2027-06-04"),
        release("v100.0.0-rc.1", "2027-01-01"),
        release("v100.0.1", "2027-01-01", { prerelease: true }),
        release("v100.0.2", "2027-01-01", { draft: true }),
        release("chart-101.0.0", "2027-01-01"),
      ]),
      NOW,
    );
    expect(
      notes.map((note) => /^- (\w+): \S+ -> (\S+),/.exec(note)?.[0]),
    ).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^- flannel: .* -> 99\.10\.1,/),
        expect.stringMatching(/^- storage: .* -> 99\.10\.1,/),
      ]),
    );
    expect(notes).toHaveLength(4);
    // Only versions, addresses and checksums are other than before.
    const lines = renewed.split("\n");
    for (const [at, line] of text.split("\n").entries()) {
      if (!/^\s*(?:- )?(?:version|url|sha256): /.test(line)) {
        expect(lines[at]).toBe(line);
      }
    }
    const urls = [...renewed.matchAll(/url: (\S+)\n\s+sha256: (\S+)/g)];
    expect(urls).toHaveLength(7);
    for (const [, url = "", sha256] of urls) {
      expect(url).toContain("99.10.1");
      expect(sha256).toBe(createHash("sha256").update(url).digest("hex"));
    }
    expect(renewed).toContain("version: v99.10.1\n    kind: manifest");
    expect(renewed).toContain("version: 99.10.1\n    kind: chart");
  });

  it("goes back to nothing older and changes nothing then", async () => {
    expect(
      await renewManifests(text, serve([release("v0.1.0", "2026-01-01")]), NOW),
    ).toEqual({ text, notes: [] });
  });

  it("renews nothing by halves", async () => {
    const get = serve([release("v99.0.0", "2027-01-01")]);
    await expect(
      renewManifests(
        text,
        async (url) => {
          if (url.includes("csi-nfs-node")) {
            throw new Error("404");
          }
          return get(url);
        },
        NOW,
      ),
    ).rejects.toThrow("404");
  });

  it("takes the list of platforms of a newer image by the digest of its bytes", async () => {
    const source = await readFile(
      packageFile("src/kubernetes/kube-vip.ts"),
      "utf8",
    );
    const list = (architecture: string) =>
      JSON.stringify({
        manifests: [{ platform: { os: "linux", architecture } }],
      });
    const registry =
      (manifest: string): Get =>
      async (url, headers) => {
        if (url.startsWith("https://ghcr.io/token?")) {
          return Buffer.from(JSON.stringify({ token: "for-one-pull" }));
        }
        if (url === "https://ghcr.io/v2/kube-vip/kube-vip/manifests/v99.0.0") {
          expect(headers?.["authorization"]).toBe("Bearer for-one-pull");
          return Buffer.from(manifest);
        }
        return serve([release("v99.0.0", "2027-01-01")])(url);
      };
    const digest = createHash("sha256").update(list("arm64")).digest("hex");
    const { text: renewed, notes } = await renewImages(
      source,
      registry(list("arm64")),
      NOW,
    );
    expect(notes).toEqual([
      expect.stringMatching(/^- kube-vip\/kube-vip: [\d.]+ -> 99\.0\.0, /),
    ]);
    expect(renewed).toContain(
      `"ghcr.io/kube-vip/kube-vip:v99.0.0@sha256:${digest}"`,
    );
    expect(renewed.split("\n")).toHaveLength(source.split("\n").length);
    // One platform's image, of a Pi's platform or not, is no list; and a list without arm64 is of no use to a Pi.
    for (const manifest of [list("amd64"), JSON.stringify({ layers: [] })]) {
      await expect(
        renewImages(source, registry(manifest), NOW),
      ).rejects.toThrow(
        "ghcr.io/kube-vip/kube-vip:v99.0.0 has no image for linux/arm64",
      );
    }
  });

  it("tells which keys somebody has to look at", async () => {
    const load = (file: string) =>
      readFile(packageFile(`profiles/${file}`), "utf8");
    const carried = (fingerprint: string) =>
      `keys: {a: {file: keys/ubuntu-cdimage.asc, fingerprint: ${fingerprint}}, b: {addresses: [https://one, https://two], fingerprint: X}}`;
    const key = await load("keys/ubuntu-cdimage.asc");
    const down: Get = async (url) => {
      throw new Error(`${url} is down`);
    };
    expect(await keyFindings(carried("X"), load, down, NOW)).toEqual([
      "- The key a is 843938DF228D22F7B3742BC0D94AA3F0EFE21092, not X.",
      "- The key b cannot be read: Error: Error: https://one is down; Error: https://two is down.",
    ]);
    const second: Get = async (url) =>
      url === "https://two" ? Buffer.from(key) : down(url);
    expect(
      await keyFindings(
        carried("843938DF228D22F7B3742BC0D94AA3F0EFE21092"),
        load,
        second,
        NOW,
      ),
    ).toEqual([
      "- The key b is 843938DF228D22F7B3742BC0D94AA3F0EFE21092, not X.",
    ]);
  });

  it("tells of a key that ends within 90 days, and not before", async () => {
    const { generateKey } = await import("openpgp");
    const { publicKey } = await generateKey({
      userIDs: [{ name: "Test" }],
      date: new Date("2027-01-01T00:00:00Z"),
      keyExpirationTime: 200 * 24 * 60 * 60,
      format: "object",
    });
    const find = (day: string) =>
      keyFindings(
        `keys: {a: {file: a, fingerprint: ${publicKey.getFingerprint().toUpperCase()}}}`,
        async () => publicKey.armor(),
        serve([]),
        new Date(`${day}T00:00:00Z`),
      );
    expect(await find("2027-04-01")).toEqual([]);
    expect(await find("2027-05-01")).toEqual([
      "- The key a ends on 2027-07-20.",
    ]);
  });
});
