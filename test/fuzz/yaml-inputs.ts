// YAML that people write or fetch: the inventory, fragments and profiles, manifests for Kubernetes.
import { readFileSync } from "node:fs";
import { fillFlannel } from "../../src/supplies/fill-flannel.ts";
import { findManifestMistake } from "../../src/supplies/kubernetes-manifest.ts";
import { parseInventory } from "../../src/inventory/parse-inventory.ts";
import { resolveInventory } from "../../src/inventory/resolve.ts";
import { renderProblems } from "../../src/terminal/code-frame.ts";
import type { Problem } from "../../src/report/problem.ts";
import { secret } from "../../src/report/secret.ts";
import { mergeFragments } from "../../src/seed/library/merge-fragments.ts";
import {
  parseFragment,
  parseNetwork,
} from "../../src/seed/library/parse-fragment.ts";
import { parseProfile } from "../../src/seed/library/parse-profile.ts";
import { substitute } from "../../src/seed/library/substitute.ts";
import { toValue } from "../../src/seed/library/tree.ts";
import { writeDocument } from "../../src/seed/library/write-document.ts";
import { sampleProject } from "../seed/sample-project.ts";
import { packageFile } from "../../src/system/package-files.ts";
import type { FuzzInput } from "./fuzz-input.ts";

const INVENTORY = `cluster:
  name: homelab
  kubernetes: "1.36"
  join: {by: token, tokenHours: 24}
defaults:
  users: &people [{name: ana, sshKeys: [file:key.pub]}]
  wifi: {ssid: home, country: ES, password: env:WIFI}
nodes:
  - {name: cplane, role: control-plane, address: 192.168.1.50/24, gateway: 192.168.1.1}
  - name: worker1
    role: worker
    users: *people
    card: {serial: "0x1234abcd"}
`;

/** What means something to YAML, to shells and templates, or to a terminal. */
export const YAML_TOKENS: readonly string[] = [
  "&a ",
  "*a ",
  "<<: *a",
  "<<: [*a, *a]",
  "!!binary ",
  "!!set ",
  "!!js/function ",
  "!!int ",
  "!<tag:x> ",
  "%YAML 1.1\n---\n",
  "--- ",
  "...\n",
  "? ",
  ": ",
  "- ",
  "|2-\n",
  ">+\n",
  "{",
  "}",
  "[",
  "]",
  "'",
  '"',
  "#",
  "\t",
  "\n",
  "\r",
  "\0",
  "\u0085",
  "\u2028",
  "\ufeff",
  "\u001b[2J",
  "${node.name}",
  "$${",
  "{{ x }}",
  "__proto__: ",
  "constructor: ",
  "0x",
  "1e999",
  "~",
  "null",
  "2026-11-20",
  "12:34:56",
];

const bomb = (levels: number): string =>
  [
    "a0: &a0 [x]",
    ...Array.from(
      { length: levels },
      (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(9)}]`,
    ),
  ].join("\n");

/** Files that are small or simple and cost a careless reader everything. */
export const YAML_BOMBS: readonly string[] = [
  bomb(40),
  `${bomb(6)}\nb: &b {<<: [*a1, *a2]}`,
  "a: &a {b: *a}",
  "a: &a [*a, *a]",
  "[".repeat(200_000),
  "{a: ".repeat(100_000),
  "- ".repeat(100_000),
  "? ".repeat(100_000),
  Array.from({ length: 900 }, (_, n) => `${" ".repeat(n)}k:`).join("\n"),
  `a: "${"x".repeat(300_000)}"`,
  `a: |\n${"  x\n".repeat(40_000)}`,
  Array.from({ length: 10_000 }, (_, n) => `k${n}: &b${n} 1`).join("\n"),
  "a: !!binary ".padEnd(300_000, "A"),
  "!".repeat(900_000),
  "&".repeat(900_000),
  "--- a\n".repeat(10_000),
  "# c\n".repeat(20_000),
];

const buffers = (texts: readonly string[]): readonly Buffer[] =>
  texts.map((text) => Buffer.from(text));

const FORBIDDEN = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** Shows them as a terminal would get them; that they have no place is a failure. */
const shown = (problems: readonly Problem[], text: string): void => {
  const frames = renderProblems(problems, new Map([["file.yaml", text]]), {
    color: false,
  });
  if (FORBIDDEN.test(frames.replaceAll("\n", ""))) {
    throw new Error(
      `a control character reaches the terminal: ${JSON.stringify(frames)}`,
    );
  }
  for (const { at } of problems) {
    if (at !== undefined && !(at.line > 0 && at.column > 0 && at.length > 0)) {
      throw new Error(`a problem stands nowhere: ${JSON.stringify(at)}`);
    }
  }
};

export const INVENTORIES: FuzzInput = {
  cases: 350,
  prepare: async () => ({
    samples: [{ bytes: Buffer.from(INVENTORY) }],
    tokens: YAML_TOKENS,
    extremes: buffers(YAML_BOMBS),
    run: async (bytes) => {
      const text = bytes.toString("utf8");
      const {
        inventory,
        problems,
        shown: masked,
      } = parseInventory("file.yaml", text);
      shown(problems, masked);
      if (inventory === undefined) {
        if (problems.length === 0) {
          throw new Error("neither an inventory nor a problem");
        }
        return "problems";
      }
      resolveInventory(
        inventory,
        {
          keys: new Map([["file:key.pub", ["ssh-ed25519 AAAA"]]]),
          secrets: new Map([["env:WIFI", secret("correct horse")]]),
        },
        { folder: "/", home: "/" },
      );
      return "taken";
    },
  }),
};

const ours = (path: string): Buffer => readFileSync(packageFile(path));

export const FRAGMENTS: FuzzInput = {
  cases: 300,
  prepare: async () => {
    const files = [
      "cloud-init/fragments/host/name.yaml",
      "cloud-init/fragments/node/start.yaml",
      "cloud-init/network/uplink-wlan0-static.yaml",
      "profiles/worker.yaml",
    ];
    return {
      samples: files.map((path) => ({ bytes: ours(path) })),
      tokens: YAML_TOKENS,
      extremes: buffers(YAML_BOMBS.map((text) => `#cloud-config\n${text}`)),
      run: async (bytes, { sample, edits }) => {
        const text = bytes.toString("utf8");
        const readers =
          edits.length === 0
            ? [parseFragment, parseNetwork, parseProfile]
            : [
                sample < 2
                  ? parseFragment
                  : sample === 2
                    ? parseNetwork
                    : parseProfile,
              ];
        const found: string[] = [];
        for (const read of readers) {
          const { value, problems } = read(text, "file.yaml");
          shown(problems, text);
          if (value === undefined && problems.length === 0) {
            throw new Error("neither a value nor a problem");
          }
          if (value !== undefined && "kind" in value) {
            const report: Problem[] = [];
            const merged = mergeFragments([value, value], (problem) =>
              report.push(problem),
            );
            const filled = substitute(
              merged ?? value,
              new Map([["node.name", "worker1"]]),
              (problem) => report.push(problem),
            );
            shown(report, text);
            writeDocument("", toValue(filled));
          }
          found.push(value === undefined ? "problems" : "taken");
        }
        return found.join("+");
      },
    };
  },
};

const MANIFEST = `apiVersion: v1
kind: Namespace
metadata:
  name: kube-flannel
---
# a comment
apiVersion: v1
kind: ConfigMap
metadata: {name: kube-flannel-cfg, namespace: kube-flannel}
data:
  net-conf.json: |
    {"Network": "10.244.0.0/16"}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-flannel-ds}
spec:
  template:
    spec:
      containers:
        - name: kube-flannel
          args: [--ip-masq]
          env: [{name: POD_NAME, value: a}]
`;

export const MANIFESTS: FuzzInput = {
  cases: 350,
  prepare: async () => ({
    samples: [{ bytes: Buffer.from(MANIFEST) }],
    tokens: YAML_TOKENS,
    extremes: buffers(YAML_BOMBS),
    run: async (bytes) => {
      const text = bytes.toString("utf8");
      const mistake = findManifestMistake(text);
      if (mistake !== undefined) {
        return "mistake";
      }
      fillFlannel(text, "the fuzzer", sampleProject);
      return "edited";
    },
  }),
};
