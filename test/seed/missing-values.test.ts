// Whatever is missing in an inventory, cloud-init itself takes the seed that comes of it.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { loadInventory } from "../../src/inventory/load/load-inventory.ts";
import { renderSeed } from "./render-seed.ts";
import { substitute } from "../../src/seed/library/substitute.ts";
import { fromValue, toValue } from "../../src/seed/library/tree.ts";
import { describeWithTools } from "../support/tools.ts";
import { schemaVerdicts } from "./cloud-init-judge.ts";
import type { Verdict } from "./judge.ts";
import { judgedFiles } from "./judged-files.ts";
import { seedInput } from "./sample-project.ts";

const { file, folder } = judgedFiles();

const nodes = (more = "") => `nodes:
  - {name: cplane, role: control-plane, address: 192.168.1.50/24, gateway: 192.168.1.1}
  - {name: worker1, role: worker}
${more}`;
const cluster = `cluster: {name: homelab, kubernetes: "1.36", endpoint: cplane}`;

/** Undefined: no inventory at all, in a home without any key. */
const INVENTORIES: Readonly<Record<string, string | undefined>> = {
  "no inventory and no key": undefined,
  "a user without keys": `${cluster}\ndefaults: {users: [{name: ana}]}\n${nodes()}`,
  "an empty list of keys": `${cluster}\ndefaults: {users: [{name: ana, sshKeys: [], sudo: false}]}\n${nodes()}`,
  "one user with a key and one without": `${cluster}\ndefaults: {users: [{name: ana, sshKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x]}, {name: eva}]}\n${nodes()}`,
  "no name servers and no search domains": `${cluster}\ndefaults: {users: [{name: ana}], nameservers: [192.168.1.1], search: []}\n${nodes()}`,
  "an open Wi-Fi network": `${cluster}\ndefaults: {users: [{name: ana}], wifi: {ssid: café, country: ES, security: open}}\n${nodes("  - {name: worker2, role: worker, uplink: wifi}\n")}`,
  "empty mirrors and add-ons": `cluster: {name: homelab, kubernetes: "1.36", endpoint: cplane, mirrors: {registries: [], baseImages: []}, addons: []}\ndefaults: {users: [{name: ana}]}\n${nodes()}`,
};

/** The user-data of each node, written where the judge reads it. */
const userDataOf = async (
  title: string,
  text: string | undefined,
): Promise<ReadonlyMap<string, string>> => {
  const home = join(folder, title.replaceAll(" ", "-"));
  mkdirSync(home);
  const path = join(home, "cluster.yaml");
  if (text !== undefined) {
    writeFileSync(path, text);
  }
  const { project, problems } = await loadInventory({
    path,
    home,
    env: {},
    implied: { hosts: [], role: undefined },
  });
  if (project === undefined) {
    throw new Error(JSON.stringify(problems));
  }
  const written = new Map<string, string>();
  for (const node of project.nodes) {
    const { seed } = renderSeed(await seedInput(project, node));
    expect(seed?.userData).toContain(`hostname: ${node.name}`);
    // The provider that reads what is not encrypted has no settings, and who asks nobody about the revoked no credentials.
    const plain = seed?.userData.replaceAll(
      /^ *(- identity|user): \{\}\n/gm,
      "",
    );
    expect(plain).not.toMatch(/(\[\]|\{\})$/m);
    written.set(node.name, file(`${title}/${node.name}`, seed?.userData ?? ""));
  }
  return written;
};

describeWithTools(["cloud-init"], "cloud-init takes the seeds of", () => {
  const written = new Map<string, ReadonlyMap<string, string>>();
  let verdicts: ReadonlyMap<string, Verdict>;

  beforeAll(async () => {
    for (const [title, text] of Object.entries(INVENTORIES)) {
      written.set(title, await userDataOf(title, text));
    }
    verdicts = schemaVerdicts(
      [...written.values()].flatMap((nodes) => [...nodes.values()]),
    );
  });

  it.each(Object.keys(INVENTORIES))("%s", (title) => {
    const nodes = written.get(title) ?? new Map<string, string>();
    expect(nodes.size).toBeGreaterThan(0);
    for (const [node, path] of nodes) {
      const verdict = verdicts.get(path);
      expect(verdict?.output, node).toMatch(/^Valid/);
      expect(verdict?.status, node).toBe(0);
    }
  });
});

describe("an empty value", () => {
  const at = { file: "a.yaml", line: 1, column: 1, length: 1 };
  const text = {
    whole: "${list}",
    items: ["${list}", "kept"],
    nested: "${map}",
    literal: [],
  };
  const values = new Map([
    ["list", []],
    ["map", { name: "ana", keys: [], more: { deeper: [{}] }, nothing: null }],
  ]);

  it("takes its key and its place in a list with it, at any depth", () => {
    const filled = substitute(
      fromValue(text, at),
      values,
      () => undefined,
      "left out",
    );
    expect(toValue(filled)).toEqual({
      items: ["kept"],
      nested: { name: "ana", nothing: null },
      literal: [],
    });
  });

  it("stays where it means something", () => {
    const filled = substitute(fromValue(text, at), values, () => undefined);
    expect(toValue(filled)).toEqual({
      whole: [],
      items: [[], "kept"],
      nested: values.get("map"),
      literal: [],
    });
  });
});
