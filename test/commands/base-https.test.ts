// A base image over https, from a server on this computer: as it is with Arch Linux ARM, whose servers redirect to mirrors.
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openGpg } from "../base/gpg.ts";
import { startServer } from "../base/http-server.ts";
import { newest } from "../base/release-server.ts";
import { startSecure } from "../base/secure-server.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runProcess } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const FILE = "board-latest.img.gz";

describeWithTools(["gpg", "gpgconf", "openssl"], "a base over https", () => {
  it("comes through redirects that keep https, and through no other", async () => {
    const gpg = openGpg();
    onTestFinished(gpg.close);
    const key = gpg.makeKey("builder");
    const open = await startServer();
    const files: Readonly<Record<string, string | Uint8Array>> = {
      "/key.asc": key.armored,
      [`/mirror/${FILE}`]: newest,
      [`/mirror/${FILE}.sig`]: gpg.sign(newest, key),
    };
    for (const [name, data] of Object.entries(files)) {
      open.files.set(name.slice(1), Buffer.from(data));
    }
    const secure = await startSecure((request, response) => {
      const { url = "" } = request;
      const file = files[url];
      const to = url.startsWith("/os/") ? "/" : open.address;
      if (file === undefined) {
        response.writeHead(302, {
          location: `${to}mirror/${url.split("/").at(-1)}`,
        });
      }
      response.end(file);
    });
    const folder = await temporaryFolder();
    const config = join(folder, "config");
    const cache = join(folder, "cache");
    mkdirSync(config);
    const release = (path: string) => `    title: Of a vendor
    signed: file
    address: ${secure.address}${path}/${FILE}
    checksum: false
    key: builder
`;
    writeFileSync(
      join(config, "base-images.yaml"),
      `keys:
  builder:
    addresses: [${secure.address}key.asc]
    fingerprint: ${key.fingerprint}
releases:
  kept:
${release("os")}  left:
${release("geo")}samples: {}
`,
    );
    const fetch = (base: string, ...more: readonly string[]) =>
      runProcess(["base", "fetch", base, ...more], {
        cwd: folder,
        env: {
          PI_IMAGE_CONFIG_HOME: config,
          PI_IMAGE_CACHE_HOME: cache,
          NODE_EXTRA_CA_CERTS: secure.cert,
        },
      });
    const refused = await fetch("left");
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain(
      `redirects to ${open.address}mirror/${FILE}.sig, without encryption, and that is not followed: name a server with a copy over https`,
    );
    expect(open.requests).toEqual([]);
    expect(readdirSync(cache)).not.toContain("archives");
    const { status, stderr } = await fetch("kept");
    expect(status, stderr).toBe(0);
    expect(readdirSync(join(cache, "archives"))).toHaveLength(1);
  });
});
