// Public SSH keys that somebody publishes: those that the lockfile records, and fetched where it records none yet.
import type { KeysAt } from "../inventory/load/load-keys.ts";
import { parsePublicKeys } from "../inventory/rules/ssh-keys.ts";
import { fetchSmall } from "../network/fetch-small.ts";
import type { HttpOptions } from "../network/http-request.ts";
import { NetworkFailure } from "../network/network-failure.ts";
import type { Report } from "../report/events.ts";
import type { Lock, LockedSshKeys } from "./lock.ts";

/** A few keys; the longest takes 4 KiB. */
const LIMIT = 64 * 1024;

type Surroundings = HttpOptions & { readonly report: Report };

/** What a line has besides the comment, which may change without another key. */
const bare = (line: string): string => line.split(" ").slice(0, 2).join(" ");

const same = (a: readonly string[], b: readonly string[]): boolean => {
  const [first, second] = [a, b].map((lines) => new Set(lines.map(bare)));
  return (
    first?.size === second?.size &&
    [...(first ?? [])].every((line) => second?.has(line))
  );
};

/**
 * A key that was added to an account since the last build would let its owner in, so what is recorded counts until somebody
 * accepts another.
 *
 * @param loadLock called for inventories that name an address, and only for these: others need no lockfile to be read
 * @param lockFile the lockfile's path, for messages
 * @param network undefined where no server is to be asked: an address that is not recorded then has no keys yet
 */
export const publishedKeys = (
  loadLock: () => Promise<Lock | undefined>,
  lockFile: string,
  network: Surroundings | undefined,
): {
  readonly keysAt: KeysAt;
  /** What was found so far, for the lockfile. */
  readonly found: () => readonly LockedSshKeys[];
} => {
  const asked = new Map<string, Awaited<ReturnType<KeysAt>>>();
  let lock: Promise<Lock | undefined> | undefined;
  const warn = (url: string, report: Report): void => {
    report({
      type: "warning",
      message: `${url} has other keys now than ${lockFile} records; the recorded ones are used`,
      hint: `see what has changed; to accept it, remove the entry of this address from ${lockFile} and build again`,
    });
  };
  const look: KeysAt = async (url) => {
    lock ??= loadLock();
    const recorded = (await lock)?.sshKeys?.find(
      (entry) => entry.url === url,
    )?.keys;
    if (network === undefined) {
      return { keys: recorded ?? [] };
    }
    try {
      const text = await fetchSmall(new URL(url), LIMIT, network);
      const { keys, problem } = parsePublicKeys(text.toString("utf8"));
      if (recorded !== undefined) {
        if (problem !== undefined || !same(keys, recorded)) {
          warn(url, network.report);
        }
        return { keys: recorded };
      }
      return problem === undefined
        ? { keys }
        : {
            code: "KEY_INVALID",
            message: `${url} gives no public keys that nodes accept: ${problem}`,
            hint: "check the name; the account needs a public SSH key",
          };
    } catch (error) {
      if (!(error instanceof NetworkFailure)) {
        throw error;
      }
      return recorded === undefined
        ? {
            code: "KEY_ADDRESS_UNREACHABLE",
            message: `the keys at ${url} cannot be had, and no earlier build recorded them: ${error.message}`,
            hint: "connect to the network, check the name, or name a file of your own",
          }
        : { keys: recorded };
    }
  };
  return {
    keysAt: async (url) => {
      const result = asked.get(url) ?? (await look(url));
      asked.set(url, result);
      return result;
    },
    found: () =>
      [...asked]
        .flatMap(([url, result]) =>
          "keys" in result && result.keys.length > 0
            ? [{ url, keys: [...result.keys] }]
            : [],
        )
        .toSorted((a, b) => (a.url < b.url ? -1 : 1)),
  };
};
