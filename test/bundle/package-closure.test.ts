// Which packages come along: small cases in words, and Debian's real lists judged by apt.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as openpgp from "openpgp";
import { describe, expect, it } from "vitest";
import type { PinnedKey } from "../../src/base/proof/signature.ts";
import { fetchPocket } from "../../src/bundle/debian/fetch-archive-lists.ts";
import {
  type DebPackage,
  newestOfEach,
  parsePackageList,
} from "../../src/bundle/debian/package-list.ts";
import { packageClosure } from "../../src/bundle/debian/package-closure.ts";
import { decodePercent } from "../../src/network/decode-percent.ts";
import { commandLine, tryTool } from "../../src/system/run/run-tool.ts";
import { UserError } from "../../src/report/user-error.ts";
import { testFolder, testOptions } from "../base/base-options.ts";
import { startServer } from "../base/http-server.ts";
import { describeWithTools } from "../support/tools.ts";

const listOf = (...packages: readonly string[]) =>
  newestOfEach([
    parsePackageList(
      packages
        .map((each) => {
          const [head = "", ...fields] = each.split("\n");
          const [name = "", version = "1"] = head.split(" ");
          return [
            `Package: ${name}`,
            `Version: ${version}`,
            "Architecture: all",
            `Filename: ${name}.deb`,
            "Size: 1",
            `SHA256: ${"0".repeat(64)}`,
            ...fields,
          ].join("\n");
        })
        .join("\n\n"),
      { arch: "arm64", archive: "http://archive.example", from: "a list" },
    ),
  ]);

const namesFor = (
  wanted: readonly string[],
  list: ReturnType<typeof listOf>,
  base: readonly string[] = [],
): string => {
  try {
    return packageClosure(
      wanted,
      list,
      base.map((each) => {
        const [name = "", version = "1"] = each.split(" ");
        return { name, version };
      }),
    )
      .map(({ name }) => name)
      .join(" ");
  } catch (error) {
    if (error instanceof UserError) {
      return [error.code, error.message, ...error.facts].join(": ");
    }
    throw error;
  }
};

describe("the packages of a bundle", () => {
  it.each([
    [
      "a dependency that the base has stays there",
      ["aa\nDepends: bb (>= 1)", "bb"],
      ["bb"],
      "aa",
    ],
    [
      "dependencies of dependencies come along",
      ["aa\nDepends: bb", "bb\nPre-Depends: cc", "cc"],
      [],
      "aa bb cc",
    ],
    ["circles end", ["aa\nDepends: bb", "bb\nDepends: aa"], [], "aa bb"],
    [
      "an alternative that the base has will do",
      ["aa\nDepends: bb | cc", "bb", "cc"],
      ["cc"],
      "aa",
    ],
    [
      "the first alternative is taken",
      ["aa\nDepends: bb | cc", "bb", "cc"],
      [],
      "aa bb",
    ],
    [
      "what the base provides will do",
      ["aa\nDepends: awk", "mawk\nProvides: awk"],
      ["mawk"],
      "aa",
    ],
    [
      "a provided name without version meets no bound",
      ["aa\nDepends: awk (>= 1)", "mawk\nProvides: awk"],
      ["mawk"],
      "BUNDLE_INCOMPLETE: aa needs awk (>= 1), which neither the base nor the archive has",
    ],
    [
      "an only provider is taken",
      ["aa\nDepends: awk", "mawk\nProvides: awk"],
      [],
      "aa mawk",
    ],
    [
      "of two providers none is guessed",
      ["aa\nDepends: awk", "gawk\nProvides: awk", "mawk\nProvides: awk"],
      [],
      "BUNDLE_INCOMPLETE: aa needs awk, which several packages provide: gawk, mawk",
    ],
    [
      "the base is not changed",
      ["aa\nDepends: bb (>= 2)", "bb 2"],
      ["bb 1"],
      "BUNDLE_INCOMPLETE: aa needs bb (>= 2), which neither the base nor the archive has: bb 1 is there",
    ],
    [
      "what is excluded is refused",
      ["aa\nConflicts: bb", "bb"],
      ["bb"],
      "BUNDLE_INCOMPLETE: aa 1 cannot be installed beside bb 1: aa excludes bb",
    ],
    [
      "an unknown package is refused",
      ["bb"],
      [],
      "BUNDLE_INCOMPLETE: the archive has no package aa",
    ],
  ])("%s", (_, packages, base, expected) => {
    expect(namesFor(["aa"], listOf(...packages), base)).toBe(expected);
  });
});

const KEYRINGS = "/usr/share/keyrings";
const APT_HELPER = "/usr/lib/apt/apt-helper";

/** Every primary key that Debian's own package of keys carries. */
const debianKeys = async (): Promise<readonly PinnedKey[]> => {
  const files = readdirSync(KEYRINGS).filter((name) =>
    /^debian-archive-\w+-[\w-]+\.gpg$/.test(name),
  );
  const keys = await Promise.all(
    files.map((name) =>
      openpgp.readKeys({ binaryKeys: readFileSync(join(KEYRINGS, name)) }),
    ),
  );
  return keys.flat().map((key) => ({
    armored: key.armor(),
    fingerprint: key.getFingerprint().toUpperCase(),
  }));
};

const run = async (tool: string, args: readonly string[]): Promise<string> => {
  const { status, stdout, stderr } = await tryTool(tool, args);
  if (status !== 0) {
    throw new Error(`${commandLine(tool, args)}: ${stderr}`);
  }
  return stdout;
};

/** The path in its archive of each package that apt would fetch for a system whose dpkg has this status file. */
const aptFetches = async (
  names: readonly string[],
  status: string,
): Promise<readonly string[]> => {
  const said = await run("apt-get", [
    `-oDir::State::status=${status}`,
    `-oDir::State::extended_states=${status}.auto`,
    `-oDir::Cache::archives=${status}.archives`,
    "-oDir::Cache::pkgcache=",
    "-oDir::Cache::srcpkgcache=",
    "-oDebug::NoLocking=1",
    "install",
    "--print-uris",
    "--no-install-recommends",
    "-yqq",
    ...names,
  ]);
  return [...said.matchAll(/^'[^']*?\/(pool\/[^']+)'/gm)]
    .map(([, path = ""]) => decodePercent(path))
    .sort();
};

/** Debian's lists as apt has verified them, on a server here; undefined where apt knows none or cannot fetch them. */
const serveDebian = async (arch: string, folder: string) => {
  const targets = await run("apt-get", [
    "indextargets",
    "--format",
    "$(ORIGIN)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)|$(FILENAME)",
    "Created-By: Packages",
  ]);
  const pockets = [];
  for (const target of targets.split("\n")) {
    const [origin, suite = "", component = "", uri, file = ""] =
      target.split("|");
    if (origin !== "Debian") {
      continue;
    }
    const inRelease = readFileSync(
      file.replace(/_[^_]+_binary-.*/, "_InRelease"),
    );
    const list = `${component}/binary-${arch}`;
    const sha256 = [
      ...String(inRelease).matchAll(/^ ([0-9a-f]{64}) +\d+ (\S+)$/gm),
    ].find(([, , path]) => path === `${list}/Packages.xz`)?.[1];
    const place = `dists/${suite}/${list}/by-hash/SHA256/${sha256}`;
    const packed = join(folder, `${sha256}.xz`);
    const fetched = await tryTool(APT_HELPER, [
      "download-file",
      `${uri}${place}`,
      packed,
      `SHA256:${sha256}`,
    ]);
    if (fetched.status !== 0) {
      return undefined;
    }
    const server = await startServer();
    server.files.set(`dists/${suite}/InRelease`, inRelease);
    server.files.set(place, readFileSync(packed));
    pockets.push({
      address: server.address.replace(/\/$/, ""),
      suite,
      components: [component],
      arch,
      // The archive's own day: lists of updates are valid for a week only.
      now: new Date(/^Date: (.*)$/m.exec(String(inRelease))?.[1] ?? ""),
    });
  }
  return pockets.length === 0 ? undefined : pockets;
};

const WANTED = [
  ["containerd"],
  ["conntrack", "socat", "ethtool", "iptables"],
  ["nfs-common", "open-iscsi"],
  ["nftables", "nfs-kernel-server"],
  ["dnsmasq", "wpasupplicant"],
];

describeWithTools(["apt-get", "dpkg", APT_HELPER], "Debian's archive", () => {
  it("is verified, and gives what apt would fetch", async ({ skip }) => {
    const folder = testFolder();
    const arch = (await run("dpkg", ["--print-architecture"])).trim();
    const pockets = await serveDebian(arch, folder);
    if (pockets === undefined) {
      return skip(
        "apt has no lists of Debian here, or cannot reach its mirror",
      );
    }
    const keys = await debianKeys();
    const lists: (readonly DebPackage[])[] = [];
    for (const pocket of pockets) {
      const now = new Date(pocket.now.getTime() + 60 * 60 * 1000);
      const read = { ...pocket, keys, seen: pocket.now, now };
      const { packages } = await fetchPocket(read, testOptions());
      lists.push(packages);
    }
    const newest = newestOfEach(lists);
    expect(newest.size).toBeGreaterThan(50_000);

    // A base that the judge itself has resolved: what apt takes for a server on a disk that has nothing.
    const nothing = join(folder, "nothing");
    writeFileSync(nothing, "");
    const byPath = new Map(
      [...newest.values()].map((each) => [decodePercent(each.path), each]),
    );
    const root = await aptFetches(["apt", "init", "openssh-server"], nothing);
    const base = root.flatMap((path) => byPath.get(path) ?? []);
    expect(base).toHaveLength(root.length);
    expect(base.length).toBeGreaterThan(50);
    const status = join(folder, "base");
    const shown = await run("apt-cache", [
      "show",
      ...base.map(({ name, version }) => `${name}=${version}`),
    ]);
    writeFileSync(
      status,
      shown.replaceAll(/^Package: .*$/gm, "$&\nStatus: install ok installed"),
    );
    for (const wanted of WANTED) {
      const ours = packageClosure(wanted, newest, base);
      const paths = ours.map(({ path }) => decodePercent(path)).sort();
      expect(paths, wanted.join()).toEqual(await aptFetches(wanted, status));
      expect(paths.length).toBeGreaterThan(0);
    }
  }, 300_000);
});
