// Whatever stands in a string of the inventory is refused or arrives exactly as written; nothing in between.
import { resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseInventory } from "../../src/inventory/parse-inventory.ts";
import { resolveInventory } from "../../src/inventory/resolve.ts";
import type { ResolvedProject } from "../../src/inventory/resolved.ts";
import { renderProblems } from "../../src/report/code-frame.ts";
import { secret } from "../../src/report/secret.ts";

type Field = {
  /** Puts a value into an inventory that is otherwise right. */
  readonly set: (value: string) => object;
  /** What arrives. */
  readonly get: (project: ResolvedProject) => string | undefined;
};

const cluster = { name: "homelab" };
const users = [{ name: "ana" }];
const plane = { name: "cplane", role: "control-plane" };

const inCluster = (key: string, get: Field["get"]): Field => ({
  set: (value) => ({
    cluster: { ...cluster, [key]: value },
    defaults: { users },
    nodes: [plane],
  }),
  get,
});

const inMirrors = (
  key: Exclude<
    keyof ResolvedProject["cluster"]["mirrors"],
    "registries" | "baseImages"
  >,
): Field => ({
  set: (value) => ({
    cluster: { ...cluster, mirrors: { [key]: value } },
    defaults: { users },
    nodes: [plane],
  }),
  get: (project) => project.cluster.mirrors[key],
});

const inNode = (
  extra: (value: string) => object,
  get: Field["get"],
): Field => ({
  set: (value) => ({
    cluster,
    defaults: { users },
    nodes: [plane, { name: "worker1", role: "worker", ...extra(value) }],
  }),
  get,
});

const last = (project: ResolvedProject) => project.nodes.at(-1);

const wifi = { ssid: "home", country: "ES", password: "env:WIFI" };
const fixed = { address: "192.168.1.50/24", gateway: "192.168.1.1" };
const addressing = (project: ResolvedProject) => {
  const found = last(project)?.network.addressing;
  return found?.method === "static" ? found : undefined;
};

const FIELDS: Readonly<Record<string, Field>> = {
  "cluster.name": inCluster("name", (project) => project.cluster.name),
  "cluster.kubernetes": inCluster(
    "kubernetes",
    (project) => project.cluster.kubernetes.patch,
  ),
  "cluster.endpoint": inCluster(
    "endpoint",
    (project) => project.cluster.endpoint.host,
  ),
  "cluster.podSubnet": inCluster(
    "podSubnet",
    (project) => project.cluster.podSubnet,
  ),
  "cluster.serviceSubnet": inCluster(
    "serviceSubnet",
    (project) => project.cluster.serviceSubnet,
  ),
  "cluster.dnsDomain": inCluster(
    "dnsDomain",
    (project) => project.cluster.dnsDomain,
  ),
  "cluster.cni": inCluster("cni", (project) => project.cluster.cni),
  "cluster.runtime": inCluster("runtime", (project) => project.cluster.runtime),
  "cluster.join": inCluster("join", (project) => project.cluster.join.by),
  "cluster.virtualAddress": inCluster(
    "virtualAddress",
    (project) => project.cluster.endpoint.address,
  ),
  "mirrors.kubernetesPackages": inMirrors("kubernetesPackages"),
  "mirrors.kubernetesImages": inMirrors("kubernetesImages"),
  "mirrors.ubuntu": inMirrors("ubuntu"),
  "mirrors.manifests": inMirrors("manifests"),
  "cluster.addons": {
    set: (value) => ({
      cluster: { ...cluster, addons: [value] },
      defaults: { users },
      nodes: [plane],
    }),
    get: (project) => project.cluster.addons[0],
  },
  "node.name": inNode(
    (name) => ({ name }),
    (project) => last(project)?.name,
  ),
  "node.role": inNode(
    (role) => ({ role }),
    (project) => last(project)?.role,
  ),
  "node.board": inNode(
    (board) => ({ board }),
    (project) => last(project)?.board,
  ),
  "node.base": inNode(
    (base) => ({ base }),
    (project) => last(project)?.base,
  ),
  "node.storage": inNode(
    (storage) => ({ storage }),
    (project) => last(project)?.storage,
  ),
  "node.timezone": inNode(
    (timezone) => ({ timezone }),
    (project) => last(project)?.timezone,
  ),
  "node.locale": inNode(
    (locale) => ({ locale }),
    (project) => last(project)?.locale,
  ),
  "node.address": inNode(
    (address) => ({ ...fixed, address }),
    (project) => addressing(project)?.address,
  ),
  "node.gateway": inNode(
    (gateway) => ({ ...fixed, gateway }),
    (project) => addressing(project)?.gateway,
  ),
  "node.nameservers": inNode(
    (server) => ({ ...fixed, nameservers: [server] }),
    (project) => addressing(project)?.nameservers[0],
  ),
  "node.search": inNode(
    (domain) => ({ ...fixed, search: [domain] }),
    (project) => addressing(project)?.search[0],
  ),
  "node.uplink": inNode(
    (uplink) => ({ uplink }),
    (project) => last(project)?.network.uplink,
  ),
  "card.serial": inNode(
    (serial) => ({ card: { serial } }),
    (project) => last(project)?.cardSerial,
  ),
  "wifi.ssid": inNode(
    (ssid) => ({ wifi: { ...wifi, ssid } }),
    (project) => last(project)?.network.wifi[0]?.ssid.toString(),
  ),
  "wifi.country": inNode(
    (country) => ({ wifi: { ...wifi, country } }),
    (project) => last(project)?.network.wifi[0]?.country,
  ),
  "wifi.security": inNode(
    (security) => ({ wifi: { ...wifi, security } }),
    (project) => last(project)?.network.wifi[0]?.security,
  ),
  "user.name": inNode(
    (name) => ({ users: [{ name }] }),
    (project) => last(project)?.users[0]?.name,
  ),
  "user.shell": inNode(
    (shell) => ({ users: [{ name: "ana", shell }] }),
    (project) => last(project)?.users[0]?.shell,
  ),
  "user.sshKeys": inNode(
    (key) => ({ users: [{ name: "ana", sshKeys: [key] }] }),
    (project) => last(project)?.users[0]?.sshKeys[0],
  ),
};

const ED25519 =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOnpJv1RLwluXwBXcDwIVQEbxP4VRY8T1f4VY3zbO8TK";

const HOSTILE = [
  "",
  " ",
  "'",
  '"',
  "\\",
  "a'b\"c",
  "$(touch /tmp/owned)",
  "`touch /tmp/owned`",
  "${HOME}",
  "; reboot",
  "a\nb",
  "a\r\nb: c",
  "a\tb",
  "a\u0000b",
  "a\u0007b",
  "\u001b[2J",
  "a\u0085b",
  "a\u2028b",
  "a\u2029b",
  "\ud800",
  "\ufeffa",
  "‮dcba",
  "{{ v1.instance_id }}",
  "__proto__",
  "constructor",
  "../../etc/passwd",
  "- a",
  "a: b # c",
  "&a",
  "*a",
  "!tag",
  "|",
  "%YAML 1.1",
  "no",
  "null",
  "0x10",
  "1e3",
  "file:$(touch x)",
  "file:/etc/shadow\n",
  "https://a.example/$(reboot)",
  "https://a.example/'x'",
  "x".repeat(100_000),
  "a.".repeat(50_000),
  `${ED25519} $(reboot)`,
  `${ED25519}\n${ED25519}`,
  `command="reboot" ${ED25519}`,
];

const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** The value that arrives, or undefined if there is a problem. */
const arrives = ({ set, get }: Field, value: string): string | undefined => {
  const { inventory, problems, shown } = parseInventory(
    "cluster.yaml",
    JSON.stringify(set(value)),
  );
  const rendered = renderProblems(
    problems,
    new Map([["cluster.yaml", shown]]),
    { color: false },
  );
  expect(rendered.replaceAll("\n", "")).not.toMatch(FORBIDDEN);
  if (inventory === undefined) {
    expect(problems).not.toEqual([]);
    return undefined;
  }
  return get(
    resolveInventory(
      inventory,
      {
        keys: new Map([[value, [value.trim()]]]),
        secrets: new Map([["env:WIFI", secret("correct horse")]]),
      },
      { folder: "/", home: "/" },
    ),
  );
};

const check = (name: string, field: Field, value: string) => {
  const arrived = arrives(field, value);
  if (arrived === undefined) {
    return;
  }
  expect(arrived).not.toMatch(FORBIDDEN);
  const [, scheme = "", path = ""] = /^(file:)?(.*)$/s.exec(value) ?? [];
  // Paths become absolute, and nothing else changes.
  const isPath = ["cluster.addons", "node.base"].includes(name);
  const expected =
    isPath && arrived !== value ? `${scheme}${resolve("/", path)}` : value;
  expect([expected, expected.trim()], name).toContain(arrived);
};

describe("hostile strings", () => {
  it.each(Object.entries(FIELDS))(
    "are refused or kept in %s",
    (name, field) => {
      for (const value of HOSTILE) {
        check(name, field, value);
      }
    },
  );

  it.each(Object.entries(FIELDS))(
    "of any kind are refused or kept in %s",
    (name, field) => {
      fc.assert(
        fc.property(fc.string({ unit: "binary", maxLength: 40 }), (value) => {
          check(name, field, value);
        }),
        { numRuns: 30 },
      );
    },
  );

  it("arrive where they are harmless, so that the test above can fail", () => {
    const ssid = FIELDS["wifi.ssid"];
    const key = FIELDS["user.sshKeys"];
    if (ssid === undefined || key === undefined) {
      throw new Error("no such field");
    }
    for (const value of ["$(id) 'x' \"y\"", "‮dcba", "{{ a }}", "a: b # c"]) {
      expect(arrives(ssid, value)).toBe(value);
    }
    expect(arrives(key, `${ED25519} $(reboot)`)).toBe(`${ED25519} $(reboot)`);
    expect(arrives(key, `${ED25519}\n${ED25519}`)).toBeUndefined();
    expect(arrives(ssid, "a\u2028b")).toBeUndefined();
  });
});

const VALID = `cluster:
  name: homelab
  kubernetes: "1.36"
defaults:
  users: [{name: ana, sshKeys: [file:key.pub]}]
  wifi: {ssid: home, country: ES, password: env:WIFI}
nodes:
  - {name: cplane, role: control-plane, address: 192.168.1.50/24, gateway: 192.168.1.1}
  - name: worker1
    role: worker
    card: {serial: "0x1234abcd"}
`;

describe("damaged files", () => {
  it("give problems and never an exception", () => {
    const pieces = fc.oneof(
      fc.constantFrom(
        "\n",
        "  ",
        "\t",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "#",
        "'",
      ),
      fc.constantFrom("&a ", "*a", "!x ", "|", "---\n", "? ", "<<: ", '"', ","),
      fc.string({ unit: "binary", maxLength: 4 }),
    );
    const edit = fc.record({
      at: fc.nat(VALID.length),
      remove: fc.nat(12),
      insert: pieces,
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
        let text = VALID;
        for (const { at, remove, insert } of edits) {
          text = text.slice(0, at) + insert + text.slice(at + remove);
        }
        const { inventory, problems, shown } = parseInventory("c", text);
        expect(inventory !== undefined || problems.length > 0).toBe(true);
        const rendered = renderProblems(problems, new Map([["c", shown]]), {
          color: false,
        });
        expect(rendered.replaceAll("\n", "")).not.toMatch(FORBIDDEN);
        for (const { at } of problems) {
          expect(at?.line).toBeGreaterThan(0);
          expect(at?.column).toBeGreaterThan(0);
          expect(at?.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 400 },
    );
  });

  it("show the first two hundred mistakes and count the others", () => {
    const extra = Array.from({ length: 250 }, (_, n) => `k${n}: 1\n`).join("");
    const { problems } = parseInventory("c", VALID + extra);
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)).toMatchObject({
      code: "TOO_MANY_MISTAKES",
      message: "50 more mistakes are not shown",
    });
  });

  it("cannot make the parser work for long or end the process", () => {
    const bombs = [
      "[".repeat(1_000_000),
      "{a: ".repeat(250_000),
      "- ".repeat(500_000),
      "? ".repeat(500_000),
      Array.from({ length: 1400 }, (_, n) => `${" ".repeat(n)}k:`).join("\n"),
      Array.from({ length: 100_000 }, (_, n) => `k${n}: 1`).join("\n"),
      `a: ${"&".repeat(900_000)}`,
      `${"a".repeat(900_000)}: 1`,
      `a: "${"x".repeat(900_000)}`,
      `cluster: {name: ${"-".repeat(900_000)}}`,
    ];
    for (const bomb of bombs) {
      const { problems, inventory } = parseInventory("c", bomb);
      expect(inventory).toBeUndefined();
      expect(problems).not.toEqual([]);
    }
  });
});
