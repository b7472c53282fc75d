import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  loadInventory,
  type LoadOptions,
} from "../../src/inventory/load/load-inventory.ts";
import { renderProblems } from "../../src/terminal/code-frame.ts";

const KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOnpJv1RLwluXwBXcDwIVQEbxP4VRY8T1f4VY3zbO8TK test@pi-image";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pi-image-inventory-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const write = async (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
};

const load = (options: Partial<LoadOptions> = {}) =>
  loadInventory({
    path: join(folder, "cluster.yaml"),
    env: {},
    home: join(folder, "home"),
    ...options,
  });

const codes = async (options: Partial<LoadOptions> = {}) =>
  (await load(options)).problems.map(({ code }) => code);

const inventory = (defaults = "", nodes = "") => `
cluster: {name: homelab}
defaults:
  users: [{name: ana, sshKeys: ["${KEY}"]}]
  ${defaults}
nodes:
  - {name: cplane, role: control-plane}
  ${nodes}
`;

const wifi = (reference: string, more = "") =>
  `wifi: {ssid: home, country: ES, password: "${reference}"${more}}`;

const passwords = async (options: Partial<LoadOptions> = {}) => {
  const { project, problems } = await load(options);
  return (
    project?.nodes.map(({ network }) => network.wifi[0]?.password?.reveal()) ??
    problems.map(({ code }) => code)
  );
};

describe("the file", () => {
  it("may be missing, and then says how to get one", async () => {
    const { problems, project } = await load();
    expect(project).toBeUndefined();
    expect(problems).toMatchObject([
      { code: "FILE_UNREADABLE", hint: expect.stringContaining("init") },
    ]);
  });

  it("may be a folder", async () => {
    await mkdir(join(folder, "cluster.yaml"));
    expect(await codes({ implied: { hosts: [], role: undefined } })).toEqual([
      "FILE_UNREADABLE",
    ]);
  });

  it("may be a link to nothing, which is not the same as no file", async () => {
    await symlink("nothing", join(folder, "cluster.yaml"));
    const implied = { hosts: [], role: undefined };
    const { problems, project } = await load({ implied });
    expect(project).toBeUndefined();
    expect(problems.map(({ message }) => message).join()).toContain(
      "it is a symbolic link to nothing",
    );
  });

  it("is UTF-8", async () => {
    await write("cluster.yaml", Buffer.from("# caf\xe9\n", "latin1"));
    expect(await codes()).toEqual(["FILE_NOT_UTF8"]);
    await write("cluster.yaml", Buffer.from(`\ufeff${inventory()}`, "utf16le"));
    expect(await codes()).toEqual(["FILE_NOT_UTF8"]);
  });

  it("may begin with a byte-order mark and have Windows line ends", async () => {
    await write(
      "cluster.yaml",
      `\ufeff${inventory().replaceAll("\n", "\r\n")}`,
    );
    expect(await codes()).toEqual([]);
  });

  it("is at most one MiB", async () => {
    await write("cluster.yaml", `${inventory()}#${" ".repeat(1024 * 1024)}`);
    expect(await codes()).toEqual(["FILE_TOO_LARGE"]);
  });

  it("is no device without an end", async () => {
    expect(await codes({ path: "/dev/zero" })).toEqual(["FILE_UNREADABLE"]);
  });

  it("has a folder, where the cluster's secrets live", async () => {
    await write("cluster.yaml", inventory());
    expect((await load()).folder).toBe(folder);
  });
});

describe("public keys", () => {
  it("come from a file beside the inventory or in the home", async () => {
    await write("keys/a.pub", `${KEY}\n`);
    await write("home/.ssh/b.pub", `# mine\n\n${KEY} two\r\n${KEY} three\n`);
    await write(
      "cluster.yaml",
      inventory().replace(`"${KEY}"`, "file:keys/a.pub, file:~/.ssh/b.pub"),
    );
    const { project } = await load();
    expect(project?.nodes[0]?.users[0]?.sshKeys).toEqual([
      KEY,
      `${KEY} two`,
      `${KEY} three`,
    ]);
  });

  it("are looked for from the inventory's folder, not from where the command runs", async () => {
    await write("below/a.pub", KEY);
    await write(
      "below/cluster.yaml",
      inventory().replace(`"${KEY}"`, "file:a.pub"),
    );
    expect(await codes({ path: join(folder, "below/cluster.yaml") })).toEqual(
      [],
    );
  });
});

describe("a Wi-Fi password", () => {
  it("comes from the environment", async () => {
    await write("cluster.yaml", inventory(wifi("env:WIFI")));
    expect(await passwords({ env: { WIFI: "correct horse" } })).toEqual([
      "correct horse",
    ]);
    expect(await passwords({ env: { WIFI: "" } })).toEqual(["SECRET_MISSING"]);
  });

  it("comes from a file, without the line break at its end", async () => {
    await write("secret", "correct horse \n");
    await write("cluster.yaml", inventory(wifi("file:secret")));
    expect(await passwords()).toEqual(["correct horse "]);
    await write("secret", "correct\nhorse\n");
    expect(await passwords()).toEqual(["WIFI_PASSWORD_INVALID"]);
  });

  it("comes from a command that runs in the inventory's folder", async () => {
    await write("vault/secret", "correct horse\n");
    await write("cluster.yaml", inventory(wifi("exec:cat vault/*")));
    const asked: string[] = [];
    const allowCommand = async (command: string) => {
      asked.push(command);
      return asked.length === 1;
    };
    expect(await passwords({ allowCommand })).toEqual(["correct horse"]);
    expect(asked).toEqual(["cat vault/*"]);
    const refused = ["SECRET_COMMAND_NOT_ALLOWED"];
    expect(await passwords({ allowCommand })).toEqual(refused);
    expect(await passwords()).toEqual(refused);
  });

  it("comes from a person, who is asked once for each network", async () => {
    await write(
      "cluster.yaml",
      inventory(
        wifi("prompt"),
        `- {name: worker1, role: worker}
  - {name: worker2, role: worker, wifi: {ssid: other, country: ES, password: prompt}}`,
      ),
    );
    const asked: string[] = [];
    const prompt = (question: string) => {
      asked.push(question);
      return Promise.resolve(`secret ${asked.length}`);
    };
    expect(await passwords({ prompt })).toEqual([
      "secret 1",
      "secret 1",
      "secret 2",
    ]);
    expect(asked).toHaveLength(2);
    expect(asked[0]).toContain("home");
  });

  it("is not asked for when the file has errors anyway", async () => {
    await write(
      "cluster.yaml",
      inventory(wifi("prompt"), "- {name: Worker, role: worker}"),
    );
    const prompt = () => Promise.reject(new Error("asked"));
    expect(await codes({ prompt })).toEqual(["NODE_NAME_INVALID"]);
    await write(
      "cluster.yaml",
      inventory(wifi("exec:touch ran"), "- {name: Worker, role: worker}"),
    );
    const allowCommand = prompt;
    expect(await codes({ allowCommand })).toEqual(["NODE_NAME_INVALID"]);
    await expect(
      import("node:fs/promises").then(({ access }) =>
        access(join(folder, "ran")),
      ),
    ).rejects.toThrow("ENOENT");
  });

  it("is not fetched for a network that no node uses", async () => {
    await write(
      "cluster.yaml",
      inventory(wifi("env:NOT_SET")).replace(
        "role: control-plane",
        "role: control-plane, wifi: false",
      ),
    );
    expect(await passwords()).toEqual([undefined]);
  });

  it("may be a derived key for WPA2 only", async () => {
    const env = { WIFI: "0123456789abcdef".repeat(4) };
    await write("cluster.yaml", inventory(wifi("env:WIFI")));
    expect(await passwords({ env })).toEqual([env.WIFI]);
    for (const security of ["wpa3", "wpa2-wpa3"]) {
      await write(
        "cluster.yaml",
        inventory(wifi("env:WIFI", `, security: ${security}`)),
      );
      expect(await passwords({ env })).toContain("WIFI_PASSWORD_INVALID");
    }
  });

  it.each([
    [7, false],
    [8, true],
    [63, true],
    [64, false],
  ])("of %i letters is accepted: %s", async (length, accepted) => {
    const env = { WIFI: "x".repeat(length) };
    await write("cluster.yaml", inventory(wifi("env:WIFI")));
    expect(await passwords({ env })).toEqual([
      accepted ? env.WIFI : "WIFI_PASSWORD_INVALID",
    ]);
  });

  it("stands in no message, also when it is wrong", async () => {
    await write("cluster.yaml", inventory(wifi("env:WIFI")));
    const { problems, files } = await load({ env: { WIFI: "hunter2" } });
    expect(problems).toHaveLength(1);
    expect(renderProblems(problems, files, { color: false })).not.toContain(
      "hunter2",
    );
  });

  it("is left where it is for a command that needs none", async () => {
    await write("cluster.yaml", inventory(wifi("env:NOT_SET")));
    const { project, problems } = await load({ secrets: "unneeded" });
    expect(problems).toEqual([]);
    const password = project?.nodes[0]?.network.wifi[0]?.password;
    expect(() => password?.reveal()).toThrow("was not loaded");
    expect(JSON.stringify(password)).toBe('"***"');
  });
});

describe("an empty folder", () => {
  const implied = { hosts: [], role: undefined };

  it("means the cluster of init --yes", async () => {
    await write("home/.ssh/id_rsa.pub", "broken");
    await write("home/.ssh/id_ecdsa.pub", KEY);
    const loaded = await load({ implied });
    expect(loaded.problems).toEqual([]);
    expect(loaded.implied).toBe(true);
    expect(
      loaded.project?.nodes.map(({ name, role }) => `${name} ${role}`),
    ).toEqual(["cplane control-plane", "worker1 worker", "worker2 worker"]);
    expect(loaded.project?.nodes[0]?.users[0]?.sshKeys).toEqual([KEY]);
  });

  it("without any key still builds, with a loud warning", async () => {
    const { problems, project, files } = await load({ implied });
    expect(project?.nodes).toHaveLength(3);
    expect(problems).toMatchObject([
      { code: "SSH_KEY_MISSING", severity: "warning" },
    ]);
    const shown = renderProblems(problems, files, { color: false });
    expect(shown).toContain("as `pi-image init --yes` writes it");
    expect(shown).toContain("^^^^^");
  });

  it("takes hosts that it lacks, with the role that was asked for", async () => {
    const wanted = async (hosts: string[], role?: "control-plane" | "worker") =>
      (await load({ implied: { hosts, role } })).project?.nodes
        .slice(3)
        .map((node) => `${node.name} ${node.role}`);
    expect(await wanted(["worker2"], "worker")).toEqual([]);
    expect(await wanted(["rack7", "rack7"])).toEqual(["rack7 worker"]);
    // Without a file nobody can give it the fixed address that a second one needs.
    expect(
      await codes({ implied: { hosts: ["cp2"], role: "control-plane" } }),
    ).toContain("CONTROL_PLANE_ADDRESS_MISSING");
  });

  it("refuses a host that is not a name", async () => {
    expect(
      await codes({ implied: { hosts: ["$(reboot)"], role: undefined } }),
    ).toContain("NODE_NAME_INVALID");
  });
});
