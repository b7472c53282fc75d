// A folder of somebody else's: in the places of our files lie pipes, sockets, links and second names of other files.
import { execFileSync } from "node:child_process";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { loadLock, lockPath, storeLock } from "../../src/project/lock-file.ts";
import { openPartialFile } from "../../src/network/partial-file.ts";
import { copiesInOut } from "../../src/project/plain-copies.ts";
import { check } from "../../src/commands/check.ts";
import { loadReceipt, storeReceipt } from "../../src/flash/receipt-store.ts";
import { loadClusterSecrets } from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import { keepSecrets } from "../../src/kubernetes/secrets/store-secrets.ts";
import {
  emptyFolder,
  INVENTORY,
  loadHomelab,
} from "../cluster/cluster-folder.ts";
import { failureOf } from "../support/failure.ts";
import { describeWithTools } from "../support/tools.ts";
import { runInProcess } from "./in-process.ts";

let folder: string;
let secretsFile: string;
let victim: string;

const TEXT = "somebody's file: hunter2\n";

beforeEach(() => {
  folder = emptyFolder();
  secretsFile = join(folder, "homelab.secrets.yaml");
  writeFileSync(join(folder, "cluster.yaml"), INVENTORY);
  victim = join(folder, "victim");
  writeFileSync(victim, TEXT, { mode: 0o600 });
});

const pipe = (at: string): void => {
  execFileSync("mkfifo", [at], { stdio: "pipe" });
};

/** What makes a write to the place a write to the victim. */
const ALIASES = [
  ["a link", (at: string) => symlinkSync(victim, at)],
  ["a second name", (at: string) => linkSync(victim, at)],
] as const;

const NO_FILE = [
  ["a pipe", pipe],
  ["a link to a device", (at: string) => symlinkSync("/dev/ptmx", at)],
] as const;

const LOCK = {
  schema: 1 as const,
  kubernetes: { minor: "1.36", patch: "1.36.5" },
  bases: [],
  manifests: [],
  keys: [],
};

/** As pi-image reads each of them; what it says where there is no file. */
const READERS: Readonly<
  Record<string, readonly [string, (at: string) => Promise<unknown>]>
> = {
  lockfile: ["LOCK_DAMAGED", loadLock],
  receipt: ["RECEIPT_UNREADABLE", loadReceipt],
  "secrets file": ["SECRETS_UNREADABLE", (at) => loadClusterSecrets(at)],
};

describeWithTools(["mkfifo"], "in a folder of somebody else's", () => {
  describe.each(NO_FILE)("%s", (_, plant) => {
    it("is not waited for in place of the inventory", async () => {
      const at = join(folder, "cluster.yaml");
      rmSync(at);
      plant(at);
      const { exit, said } = await runInProcess("check", folder, (context) =>
        check(context, { inventory: at }),
      );
      expect(said).toContain("it is a pipe, a socket or a device, not a file");
      expect(exit).toBe(2);
    });

    it.each(Object.entries(READERS))(
      "is not waited for in place of the %s",
      async (name, [code, read]) => {
        const at = join(folder, `planted ${name}`);
        plant(at);
        const error = await failureOf(read(at));
        expect(error.code).toBe(code);
        expect([error.message, ...error.facts].join("\n")).toContain(
          "it is a pipe, a socket or a device, not a file",
        );
      },
    );

    it("is not waited for where a secret's copies are looked for", async () => {
      mkdirSync(join(folder, "out/worker1"), { recursive: true });
      plant(join(folder, "out/worker1/user-data"));
      expect(await copiesInOut(join(folder, "out"))).toEqual([]);
    });
  });

  it.each([...ALIASES, ["a pipe", pipe] as const])(
    "%s in place of a download's first bytes is not written to",
    async (_, plant) => {
      const at = join(folder, "partial");
      plant(at);
      plant(`${at}.json`);
      const partial = await openPartialFile(at, new AbortController().signal);
      await partial.restart({ address: "a", validator: null, total: 3 });
      await partial.append(Buffer.from("new"));
      await partial.close();
      expect(readFileSync(at, "utf8")).toBe("new");
      expect(readFileSync(victim, "utf8")).toBe(TEXT);
    },
  );

  it.each(ALIASES)(
    "%s in place of lockfile, receipt or secrets changes no other file",
    async (_, plant) => {
      const lock = lockPath(folder, "cluster.yaml");
      plant(lock);
      await storeLock(lock, LOCK);
      expect(lstatSync(lock)).toMatchObject({ nlink: 1 });
      const receipt = join(folder, "receipt.json");
      plant(receipt);
      await storeReceipt(receipt, { schema: 1 } as never);
      expect(lstatSync(receipt).isFile()).toBe(true);
      const project = await loadHomelab(folder);
      plant(secretsFile);
      const error = await failureOf(
        keepSecrets(secretsFile, project, {} as never),
      );
      // Nor does it show what is in it.
      expect(error.code).toBe("SECRETS_DAMAGED");
      expect(
        JSON.stringify([error.message, error.facts, error.hint]),
      ).not.toContain("hunter2");
      expect(readFileSync(victim, "utf8")).toBe(TEXT);
    },
  );
});
