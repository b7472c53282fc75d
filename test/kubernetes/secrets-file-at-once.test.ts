// Several runs that change one secrets file at the same time.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { publicKeyHash } from "../../src/kubernetes/certificate.ts";
import { loadClusterSecrets } from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import {
  keepSecrets,
  rotateSecrets,
} from "../../src/kubernetes/secrets/store-secrets.ts";
import { withFileLock } from "../../src/system/file-lock.ts";
import { failureOf } from "../support/failure.ts";
import { killedAtCall } from "../support/kill-itself.ts";
import { temporaryFolder } from "./folder.ts";
import { homelab, making, node, withNodes } from "./project.ts";
import { plain, NAME, fileIn, laid } from "./sample-secrets.ts";

describe("runs at the same time", () => {
  const program = join(inject("programs"), "keep-secrets-program.js");

  const start = (file: string, env: NodeJS.ProcessEnv = {}) =>
    spawn(process.execPath, [program, file], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...env },
    });

  it("share one cluster", async () => {
    const file = fileIn(temporaryFolder());
    const hashes = await Promise.all(
      [1, 2, 3].map(async () => {
        const child = start(file);
        const printed: Buffer[] = [];
        child.stdout.on("data", (data: Buffer) => printed.push(data));
        await once(child, "close");
        return Buffer.concat(printed).toString().trim();
      }),
    );
    const kept = await loadClusterSecrets(file);
    const hash = publicKeyHash(kept?.secrets.ca.certificate ?? "");
    expect(hashes).toEqual([hash, hash, hash]);
    expect(readdirSync(join(file, ".."))).toEqual([NAME]);
  });

  it("add different nodes without losing any", async () => {
    const file = laid();
    const names = ["a1", "b1", "c1", "c2"];
    await Promise.all(
      names.map((name) =>
        keepSecrets(file, withNodes(homelab, node(name, "worker")), making),
      ),
    );
    const loaded = await loadClusterSecrets(file);
    expect(Object.keys(loaded?.secrets.nodes ?? {}).sort()).toEqual([
      ...names,
      "cplane",
      "worker1",
      "worker2",
    ]);
  });

  it("leave nothing that holds up the next one when killed", async () => {
    const folder = temporaryFolder();
    const file = fileIn(folder);
    for (const moment of [1, 2, 3, 4]) {
      const child = start(file, killedAtCall(moment));
      await once(child, "close");
      expect(child.signalCode, `call ${moment}`).toBe("SIGKILL");
    }
    await keepSecrets(
      file,
      withNodes(homelab, node("worker9", "worker")),
      making,
    );
    expect(readdirSync(folder)).toEqual([NAME]);
  });

  it("clear away what a killed one left", async () => {
    const file = laid();
    const folder = join(file, "..");
    const { pid } = spawnSync("true");
    const left = `.${NAME}.${pid}-0123456789ab.partial`;
    writeFileSync(join(folder, left), plain);
    writeFileSync(join(folder, `.${NAME}.lock`), `${hostname()} ${pid} word`);
    await rotateSecrets(file, homelab, making);
    expect(readdirSync(folder)).toEqual([NAME]);
  });

  it("wait for each other, but not for ever", async () => {
    const file = laid();
    const project = withNodes(homelab, node("worker9", "worker"));
    const error = await withFileLock(
      file,
      () => failureOf(keepSecrets(file, project, making, { lockSeconds: 0 })),
      0,
      () => new Error("held"),
    );
    expect(error.code).toBe("SECRETS_LOCKED");
    expect(error.message).toBe(
      `another run (process ${process.pid} on ${hostname()}) is changing ${file}`,
    );
    expect(readFileSync(file, "utf8")).toBe(plain);
  });
});
