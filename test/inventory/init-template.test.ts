import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultAnswers } from "../../src/inventory/implied-inventory.ts";
import {
  initTemplate,
  type InitAnswers,
} from "../../src/inventory/init-template.ts";
import { loadInitAnswers } from "../../src/inventory/load/load-init-answers.ts";
import { loadInventory } from "../../src/inventory/load/load-inventory.ts";

const KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOnpJv1RLwluXwBXcDwIVQEbxP4VRY8T1f4VY3zbO8TK test@pi-image";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pi-image-init-"));
  await mkdir(join(folder, ".ssh"));
  await writeFile(join(folder, ".ssh/id_ed25519.pub"), `${KEY}\n`);
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const load = async (answers: InitAnswers) => {
  const path = join(folder, "cluster.yaml");
  await writeFile(path, initTemplate(answers));
  return loadInventory({
    path,
    env: { WIFI_PASSWORD: "correct horse" },
    home: folder,
  });
};

const full = (ssid: string): InitAnswers => ({
  clusterName: "rack",
  nodes: [
    { name: "cp", role: "control-plane", address: "10.0.0.10/24" },
    { name: "no", role: "worker", address: "10.0.0.11/24" },
    { name: "true", role: "worker" },
    { name: "1e3", role: "worker" },
  ],
  gateway: "10.0.0.1",
  user: { name: "bea", sshKeys: ["file:~/.ssh/id_ed25519.pub", KEY] },
  wifi: { ssid, country: "NO", password: "env:WIFI_PASSWORD" },
  timezone: "Europe/Oslo",
  board: "cm5",
});

describe("the file that init writes", () => {
  it("loads without a word for the default answers", async () => {
    const answers = await loadInitAnswers(folder, "ana");
    const { problems, project } = await load(answers);
    expect(problems).toEqual([]);
    expect(project?.cluster.name).toBe("homelab");
    expect(project?.nodes.map(({ name }) => name)).toEqual([
      "cplane",
      "worker1",
      "worker2",
    ]);
    expect(project?.nodes[0]?.users).toEqual([
      { name: "ana", sshKeys: [KEY], sudo: true, shell: "/bin/bash" },
    ]);
  });

  it("begins with the line that editors look for", () => {
    const [first] = initTemplate(defaultAnswers("ana", [])).split("\n");
    expect(first).toBe(
      "# yaml-language-server: $schema=https://unpkg.com/pi-image/profiles/cluster.schema.json",
    );
  });

  it("warns about nothing but the key where there is none", async () => {
    const { problems } = await load(defaultAnswers("ana", []));
    expect(problems.map(({ code }) => code)).toEqual(["SSH_KEY_MISSING"]);
    expect(initTemplate(defaultAnswers("ana", []))).toContain("ssh-keygen");
  });

  it.each([
    "home",
    "no",
    "42",
    'it\'s "quoted" # and: odd',
    "$(reboot) ${HOME} `id`",
    "{a: b}, [c]",
    "café ☕",
    " spaces ",
  ])("gives back every answer, with the network %j", async (ssid) => {
    const { problems, project } = await load(full(ssid));
    expect(problems).toEqual([]);
    expect(project?.nodes.map(({ name }) => name)).toEqual([
      "cp",
      "no",
      "true",
      "1e3",
    ]);
    const node = project?.nodes[1];
    expect(node?.board).toBe("cm5");
    expect(node?.timezone).toBe("Europe/Oslo");
    expect(node?.users[0]?.sshKeys).toEqual([KEY]);
    expect(node?.network.addressing).toMatchObject({
      addresses: ["10.0.0.11/24"],
      gateways: ["10.0.0.1"],
    });
    expect(node?.network.wifi).toMatchObject([{ ssid, country: "NO" }]);
  });

  it("can join an open network", async () => {
    const { problems, project } = await load({
      ...full("open"),
      wifi: { ssid: "open", country: "FR", password: undefined },
    });
    expect(problems).toEqual([]);
    expect(project?.nodes[0]?.network.wifi[0]?.security).toBe("open");
  });

  it("has no line longer than a terminal", () => {
    const lines = initTemplate(defaultAnswers("ana", [])).split("\n").slice(1);
    expect(lines.filter((line) => line.length > 99)).toEqual([]);
  });
});

describe("the default user", () => {
  it.each([
    ["ana", "ana"],
    ["root", "pi"],
    ["Ana Müller", "pi"],
    ["www-data", "pi"],
    [undefined, "pi"],
  ])("of %s is %s", (name, expected) => {
    expect(defaultAnswers(name, []).user.name).toBe(expected);
  });

  it("takes the first key that there is", async () => {
    const home = await mkdtemp(join(folder, "home-"));
    await mkdir(join(home, ".ssh"));
    expect((await loadInitAnswers(home, "ana")).user.sshKeys).toEqual([]);
    await writeFile(join(home, ".ssh/id_rsa.pub"), KEY);
    expect((await loadInitAnswers(home, "ana")).user.sshKeys).toEqual([
      "file:~/.ssh/id_rsa.pub",
    ]);
    await writeFile(join(home, ".ssh/id_ed25519.pub"), KEY);
    expect((await loadInitAnswers(home, "ana")).user.sshKeys).toEqual([
      "file:~/.ssh/id_ed25519.pub",
    ]);
  });
});
