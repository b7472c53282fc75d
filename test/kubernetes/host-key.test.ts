import { webcrypto } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeHostKey } from "../../src/kubernetes/host-key.ts";
import type { Crypto } from "../../src/kubernetes/pki.ts";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { temporaryFolder } from "./folder.ts";

/** Randomness that repeats. */
const counting = (): Crypto => {
  let next = 0;
  const repeating: Pick<Crypto, "getRandomValues"> = {
    getRandomValues: (array) => {
      if (array instanceof Uint8Array) {
        array.forEach((_, at) => {
          array[at] = next++ % 256;
        });
      }
      return array;
    },
  };
  return Object.assign(Object.create(webcrypto), repeating);
};

describeWithTools(["ssh-keygen"], "host key", () => {
  it("is read by ssh-keygen for names of every length", async () => {
    for (const name of ["a", "ab", "abc", "worker-1", "n".repeat(63)]) {
      const file = join(temporaryFolder(), "key");
      const { key, publicKey } = makeHostKey(name, webcrypto);
      writeFileSync(file, key.reveal(), { mode: 0o600 });
      const derived = await runTool("ssh-keygen", ["-y", "-f", file]);
      expect(derived.stdout).toBe(`${publicKey}\n`);
      expect(publicKey.endsWith(` root@${name}`)).toBe(true);
    }
  });

  it("is refused by ssh-keygen when one letter changes", async () => {
    const file = join(temporaryFolder(), "key");
    const lines = makeHostKey("worker1", webcrypto).key.reveal().split("\n");
    const at = lines.length - 4;
    lines[at] = (lines[at] ?? "").replace(/^./, (letter) =>
      letter === "A" ? "B" : "A",
    );
    writeFileSync(file, lines.join("\n"), { mode: 0o600 });
    const { status } = await tryTool("ssh-keygen", ["-y", "-f", file]);
    expect(status).not.toBe(0);
  });

  it("follows from the randomness alone", () => {
    const [one, same, other] = [
      makeHostKey("worker1", counting()),
      makeHostKey("worker1", counting()),
      makeHostKey("worker1", webcrypto),
    ];
    expect(one.key.reveal()).toBe(same.key.reveal());
    expect(one.publicKey).not.toBe(other.publicKey);
  });
});
