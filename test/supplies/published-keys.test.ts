// Public keys by address: recorded by the first build, and from then on only what is recorded.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseInventory } from "../../src/inventory/parse-inventory.ts";
import { loadKeys } from "../../src/inventory/load/load-keys.ts";
import type { ProgressEvent } from "../../src/report/events.ts";
import { lockSchema, mergeLock } from "../../src/supplies/lock.ts";
import { publishedKeys } from "../../src/supplies/published-keys.ts";

const KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x";
const OTHER =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFriiooxbTcvHxqZJ53NLQ4K4gwfo3kFiCTXmb0EwEON";

let served = "";
let requests = 0;
const server = createServer((_, answer) => {
  requests += 1;
  answer.end(served);
});
let url = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ana.keys`;
});

afterAll(() => {
  server.close();
});

const empty = {
  kubernetes: { minor: "1.36", patch: "1.36.5" },
  bases: [],
  manifests: [],
  keys: [],
};
const lockOf = (keys: readonly string[], at = url) =>
  mergeLock(
    undefined,
    { ...empty, sshKeys: [{ url: at, keys: [...keys] }] },
    new Set(),
  );

const ask = async (
  lock: ReturnType<typeof lockOf> | undefined,
  at = url,
  online = true,
) => {
  const events: ProgressEvent[] = [];
  const published = publishedKeys(
    () => Promise.resolve(lock),
    "cluster.lock.json",
    online
      ? {
          env: {},
          signal: AbortSignal.timeout(20_000),
          userAgent: "test",
          report: (event) => events.push(event),
        }
      : undefined,
  );
  return {
    result: await published.keysAt(at),
    found: published.found(),
    events,
  };
};

describe("the keys of an address", () => {
  it("are taken and recorded where nothing is recorded", async () => {
    served = `${KEY}\n`;
    const { result, found, events } = await ask(undefined);
    expect(result).toEqual({ keys: [KEY] });
    expect(found).toEqual([{ url, keys: [KEY] }]);
    expect(events).toEqual([]);
    expect(lockSchema.parse(lockOf([KEY])).sshKeys).toEqual(found);
    expect(mergeLock(undefined, empty, new Set())).not.toHaveProperty(
      "sshKeys",
    );
  });

  it("stay as recorded when the address has others, and that is told", async () => {
    for (const text of [`${KEY}\n${OTHER}\n`, `${OTHER}\n`, ""]) {
      served = text;
      const { result, found, events } = await ask(lockOf([KEY]));
      expect(result).toEqual({ keys: [KEY] });
      expect(found).toEqual([{ url, keys: [KEY] }]);
      expect(events).toEqual([
        {
          type: "warning",
          message: `${url} has other keys now than cluster.lock.json records; the recorded ones are used`,
          hint: "see what has changed; to accept it, remove the entry of this address from cluster.lock.json and build again",
        },
      ]);
    }
    served = `${KEY} another comment\n`;
    expect((await ask(lockOf([KEY]))).events).toEqual([]);
  });

  it("come from the record where no server answers or none is asked", async () => {
    // Nobody listens on port 1.
    const gone = "http://127.0.0.1:1/ana.keys";
    const offline = await ask(lockOf([KEY], gone), gone);
    expect([offline.result, offline.events]).toEqual([{ keys: [KEY] }, []]);
    expect((await ask(lockOf([KEY]), url, false)).result).toEqual({
      keys: [KEY],
    });
    expect((await ask(undefined, url, false)).result).toEqual({ keys: [] });
    expect((await ask(undefined, gone)).result).toMatchObject({
      code: "KEY_ADDRESS_UNREACHABLE",
    });
  });

  it("are refused where they are none", async () => {
    served = "<html>Not found</html>\n";
    expect((await ask(undefined)).result).toMatchObject({
      code: "KEY_INVALID",
    });
  });
});

describe("several addresses", () => {
  it("are asked once each, whatever they answer, after one look at the lockfile", async () => {
    served = "<html>Not found</html>\n";
    requests = 0;
    let reads = 0;
    const { keysAt, found } = publishedKeys(
      () => {
        reads += 1;
        return Promise.resolve(undefined);
      },
      "cluster.lock.json",
      {
        env: {},
        signal: AbortSignal.timeout(20_000),
        userAgent: "test",
        report: () => undefined,
      },
    );
    const other = url.replace("ana", "bea");
    for (const address of [url, other, url, other]) {
      expect(await keysAt(address)).toMatchObject({ code: "KEY_INVALID" });
    }
    expect([requests, reads]).toEqual([2, 1]);
    expect(found()).toEqual([]);
  });
});

describe("names of accounts", () => {
  it("lead to where these publish their keys", async () => {
    const { draft } = parseInventory(
      "cluster.yaml",
      'cluster: {name: lab}\ndefaults: {users: [{name: ana, sshKeys: ["gh:ana-1", "lp:ana", "https://keys.lan/~ana"]}]}\nnodes: [{name: cplane, role: control-plane}]\n',
    );
    const asked: string[] = [];
    const { keys, problems } = await loadKeys(
      draft,
      { folder: "/", home: "/" },
      (address) => {
        asked.push(address);
        return Promise.resolve({ keys: [KEY] });
      },
    );
    expect(problems).toEqual([]);
    expect(asked).toEqual([
      "https://github.com/ana-1.keys",
      "https://launchpad.net/~ana/+sshkeys",
      "https://keys.lan/~ana",
    ]);
    expect(keys.get("gh:ana-1")).toEqual([KEY]);
  });
});
