// No string of the inventory ever becomes a command on the node: it is refused with its place, or it arrives as it was written
// while the node's commands, scripts and units stay what they are, and running them runs nothing else.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { bootSettings } from "../../src/build/boot-changes.ts";
import { loadInventory } from "../../src/inventory/load/load-inventory.ts";
import { parseInventory } from "../../src/inventory/parse-inventory.ts";
import type {
  ResolvedNode,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import type { Problem } from "../../src/report/problem.ts";
import { accessPointName } from "../../src/seed/network/access-point.ts";
import { renderSeed } from "./render-seed.ts";
import type { Seed } from "../../src/seed/seed.ts";
import {
  BASE_INVENTORY,
  type StringField,
  stringFields,
} from "../inventory/string-fields.ts";
import { describeNode, isDone, layNode, powerOn } from "../node/fake-node.ts";
import { fixedSecrets, packageLibrary, seedInput } from "./sample-project.ts";

/** A program that is on every PATH below; where it has run, this file stands beside it. */
const CANARY = "pi-canary";
const RAN = "canary-has-run";

const folder = mkdtempSync(join(tmpdir(), "pi-image-hostile-"));
const bin = join(folder, "bin");

const putCanary = (place: string): void => {
  const path = join(place, CANARY);
  writeFileSync(path, `#!/bin/sh\n: >"\${0%/*}/${RAN}"\n`);
  chmodSync(path, 0o755);
};

beforeAll(() => {
  mkdirSync(bin);
  putCanary(bin);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (shell: string, script: string, ...args: readonly string[]) =>
  spawnSync(shell, ["-c", script, "test", ...args], {
    // Without SHLVL bash takes itself for a remote login and reads ~/.bashrc.
    env: { PATH: `${bin}:/usr/bin:/bin`, SHLVL: "1" },
    cwd: folder,
    encoding: "utf8",
  });

const canaryRan = (place: string): boolean => {
  const ran = existsSync(join(place, RAN));
  rmSync(join(place, RAN), { force: true });
  return ran;
};

const PAYLOADS = [
  `$(${CANARY})`,
  `\`${CANARY}\``,
  `;${CANARY};`,
  `|${CANARY}`,
  `&&${CANARY} #`,
  `';${CANARY};'`,
  `";${CANARY};"`,
  `'"$(${CANARY})"'`,
  `\\';${CANARY};\\'`,
  `<(${CANARY})`,
  "${IFS}",
  "$${node.name}",
  "${node.name}",
  "{{ v1.instance_id }}",
  "{% set a = 1 %}",
  "'",
  '"',
  "\\",
  "-e",
  "--help",
  "*",
  "~",
  "!!",
  "%s%n",
  ": #",
  "é\u202e",
  `\n${CANARY}\n`,
  `\r${CANARY}\r`,
  `\u0085${CANARY}`,
  `\u2028${CANARY}`,
  `\u2029${CANARY}`,
  `\u0000${CANARY}`,
  "\u001b[2J",
];

const env = { WIFI: "correct horse battery" };

const load = async (inventory: object): Promise<ResolvedProject> => {
  const path = join(folder, "cluster.yaml");
  writeFileSync(path, JSON.stringify(inventory));
  const { project, problems } = await loadInventory({
    path,
    env,
    home: folder,
  });
  if (project === undefined) {
    throw new Error(JSON.stringify(problems));
  }
  return project;
};

const seedOf = async (
  project: ResolvedProject,
  node: ResolvedNode,
): Promise<Seed> => {
  const known = fixedSecrets();
  const [any] = Object.values(known.nodes);
  const nodes = Object.fromEntries(
    project.nodes.map(({ name }) => [name, known.nodes[name] ?? any]),
  );
  const secrets = { ...known, nodes: { ...known.nodes, ...nodes } };
  const { seed, problems } = renderSeed({
    ...(await seedInput(project, node)),
    // Another name of a node needs credentials, whosoever they are.
    secrets: secrets as typeof known,
  });
  if (seed === undefined) {
    throw new Error(JSON.stringify(problems));
  }
  return seed;
};

const userData = z.looseObject({
  bootcmd: z.array(z.unknown()),
  runcmd: z.array(z.unknown()),
  write_files: z.array(
    z.looseObject({
      path: z.string(),
      content: z.string(),
      permissions: z.string().optional(),
    }),
  ),
});

const contentOf = (seed: Seed, path: string): string =>
  userData
    .parse(parse(seed.userData))
    .write_files.find((file) => file.path === path)?.content ?? "";

/** What the machine executes: the choice of commands depends on roles and disks, their text on nothing. */
const commandsOf = (seed: Seed): unknown => {
  const { bootcmd, runcmd } = userData.parse(parse(seed.userData));
  return { bootcmd, runcmd };
};

/**
 * Programs and units are the package's own, whatever the inventory says. A setting of systemd may hold one of its values, but
 * nothing to start.
 */
const checkPrograms = async (seed: Seed): Promise<void> => {
  const { files } = await packageLibrary();
  const { write_files: written } = userData.parse(parse(seed.userData));
  const programs = written.filter(
    ({ path, permissions }) =>
      path.startsWith("/usr/local/lib/") ||
      /^\/etc\/systemd\/.*\.(?!conf$)\w+$/.test(path) ||
      Number.parseInt(permissions ?? "0", 8) % 2 === 1,
  );
  expect(programs.length).toBeGreaterThan(10);
  for (const { path, content } of programs) {
    expect(content, path).toBe(files.get(path.slice(1)));
  }
  for (const { path, content } of written) {
    if (
      path.startsWith("/etc/systemd/") &&
      !programs.some((one) => one.path === path)
    ) {
      expect(content, path).not.toMatch(/^\s*(?:Exec|OnFailure|Unit)\w*\s*=/m);
    }
  }
};

/** Most values do not stand in it, and then the text is one that was tried before. */
const tried = new Map<string, readonly string[]>();

/** What both shells have after sourcing node.env, which ran nothing. */
const sourcedByBoth = (text: string): readonly string[] => {
  const known = tried.get(text);
  if (known !== undefined) {
    return known;
  }
  const bySh = sourced("sh", text);
  expect(sourced("bash", text)).toEqual(bySh);
  expect(canaryRan(bin)).toBe(false);
  tried.set(text, bySh);
  return bySh;
};

const sourced = (shell: string, text: string): readonly string[] => {
  const path = join(folder, "node.env");
  writeFileSync(path, text);
  const { stdout, stderr, status } = run(
    shell,
    'set -eua; . "$1"; exec env -0',
    path,
  );
  expect([status, stderr], text).toEqual([0, ""]);
  return stdout
    .split("\0")
    .filter((line) => line.startsWith("PI_IMAGE_"))
    .sort()
    .map((line) => line.slice(line.indexOf("=") + 1));
};

const leaves = (value: unknown): readonly string[] =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, item]) => [key, ...leaves(item)])
      : [];

/** Every text that the node's programs read, as they read it. */
const textsOf = (
  seed: Seed,
  environment: readonly string[],
): readonly string[] => [
  ...environment,
  ...[seed.userData, seed.metaData, seed.networkConfig].flatMap((text) =>
    leaves(parse(text, { version: "1.1" })),
  ),
  ...parseAllDocuments(contentOf(seed, "/etc/pi-image/kubeadm.yaml")).flatMap(
    (document) => leaves(document.toJS()),
  ),
];

const checkSeed = async (
  project: ResolvedProject,
  plain: ReadonlyMap<string, unknown>,
): Promise<readonly string[]> => {
  const texts: string[] = [];
  for (const node of project.nodes) {
    const seed = await seedOf(project, node);
    expect(commandsOf(seed)).toEqual(plain.get(node.role));
    await checkPrograms(seed);
    const environment = contentOf(seed, "/etc/pi-image/node.env");
    const { config, cmdline } = bootSettings(node);
    texts.push(
      ...textsOf(seed, sourcedByBoth(environment)),
      ...config.flatMap(({ lines }) => lines),
      ...cmdline,
    );
  }
  return texts;
};

/** Fields that decide something on the laptop and leave no text on the card. */
const STAY_HERE =
  /^cluster\.(addons|mirrors\.(manifests|baseImages|kubernetesKey))|\.(base|eeprom|eepromImage|card\.serial)$|^cluster\.kubernetes$/;

const FIELDS = stringFields();

type Tried = {
  readonly accepted: readonly string[];
  readonly refused: readonly {
    readonly value: string;
    readonly problems: readonly Problem[];
  }[];
};

const triedIn = new Map<string, Tried>();

/** What the schema and the rules make of every payload in this field, alone and behind an example. */
const tryIn = ({ name, example, set }: StringField): Tried => {
  const known = triedIn.get(name);
  if (known !== undefined) {
    return known;
  }
  const values = PAYLOADS.flatMap((one) => [one, `${example}${one}`]);
  const read = [...new Set(values)].map((value) => ({
    value,
    ...parseInventory("cluster.yaml", JSON.stringify(set(value), undefined, 1)),
  }));
  const result = {
    accepted: read
      .filter(({ inventory }) => inventory !== undefined)
      .map(({ value }) => value),
    refused: read.filter(({ inventory }) => inventory === undefined),
  };
  triedIn.set(name, result);
  return result;
};

describe("hostile strings", () => {
  it("are tried in every string field of the schema", () => {
    const names = FIELDS.map(({ name }) => name);
    expect(names.length).toBeGreaterThan(50);
    for (const known of [
      "cluster.name",
      "cluster.mirrors.registries[].mirror",
      "defaults.wifi.ssid",
      "defaults.wifi[].ssid",
      "nodes[].users[].shell",
      "nodes[].card.serial",
    ]) {
      expect(names).toContain(known);
    }
    expect(
      parseInventory("cluster.yaml", JSON.stringify(BASE_INVENTORY)).problems,
    ).toEqual([]);
  });

  it.each(FIELDS)(
    "are refused with their place, or kept, in $name",
    (field) => {
      const { accepted, refused } = tryIn(field);
      expect(accepted.length + refused.length).toBeGreaterThanOrEqual(
        PAYLOADS.length,
      );
      for (const { value, problems } of refused) {
        const errors = problems.filter(({ severity }) => severity === "error");
        expect(errors.length, `${field.name}: ${value}`).toBeGreaterThan(0);
        expect(errors[0]?.at?.file).toBe("cluster.yaml");
        expect(errors[0]?.at?.line).toBeGreaterThan(1);
      }
    },
  );
});

type Planted = { readonly field: StringField; readonly value: string };

/** What arrives of a value: wpa_supplicant undoes the escapes, as the tests of access points show with the program itself. */
const written = ({ field: { name }, value }: Planted): string =>
  (name.endsWith("ssid") ? accessPointName(value) : value).trim();

type Company = {
  readonly planted: readonly Planted[];
  readonly project: ResolvedProject | undefined;
  /** Values that no inventory takes: they name files that are not there. */
  readonly vain: readonly Planted[];
};

/** One value of a field at most, and none that is part of another, so that each has to arrive by itself. */
const apart = (wanted: readonly Planted[]): readonly Planted[] => {
  const chosen: Planted[] = [];
  const taken = new Set<string>();
  for (const one of wanted) {
    const text = written(one);
    const overlaps = chosen.some(
      (other) => written(other).includes(text) || text.includes(written(other)),
    );
    if (!taken.has(one.field.name) && !overlaps) {
      taken.add(one.field.name);
      chosen.push(one);
    }
  }
  return chosen;
};

/** Fields some of whose values were not taken; they are tried one by one. */
const difficult = new Set<string>();

/** An inventory with as many of these values as it takes at once. */
const plantTogether = async (wanted: readonly Planted[]): Promise<Company> => {
  const planted: Planted[] = [];
  const vain: Planted[] = [];
  let inventory: object = BASE_INVENTORY;
  let project: ResolvedProject | undefined;

  /** All of them, or else each half by itself: most inventories take all, and loading one takes time. */
  const plant = async (some: readonly Planted[]): Promise<void> => {
    const more = some.reduce<object>(
      (before, { field, value }) => field.set(value, before),
      inventory,
    );
    // One may take the place of another.
    const texts = leaves(more);
    const taken = [...planted, ...some].every(({ value }) =>
      texts.includes(value),
    )
      ? await load(more).catch(() => undefined)
      : undefined;
    const [first] = some;
    if (taken !== undefined) {
      project = taken;
      inventory = more;
      planted.push(...some);
    } else if (some.length > 1) {
      const half = Math.ceil(some.length / 2);
      await plant(some.slice(0, half));
      await plant(some.slice(half));
    } else if (first !== undefined) {
      difficult.add(first.field.name);
      // Alone it would not do better; in company it may be excluded by another, and comes again.
      if (planted.length === 0) {
        vain.push(first);
      }
    }
  };

  const isDifficult = ({ field }: Planted) => difficult.has(field.name);
  const chosen = apart(wanted);
  const easy = chosen.filter((one) => !isDifficult(one));
  for (const one of chosen.filter(isDifficult)) {
    await plant([one]);
  }
  if (easy.length > 0) {
    await plant(easy);
  }
  return { planted, project, vain };
};

describe("a hostile string that is accepted", () => {
  const plain = new Map<string, unknown>();
  beforeAll(async () => {
    const project = await load(BASE_INVENTORY);
    for (const node of project.nodes) {
      plain.set(node.role, commandsOf(await seedOf(project, node)));
    }
  });

  it("arrives as it was written and is never executed", async () => {
    let waiting: readonly Planted[] = FIELDS.flatMap((field, turn) => {
      const { accepted } = tryIn(field);
      // Not the same payload in all fields at once.
      return accepted.map((_, at) => ({
        field,
        value: accepted[(at + turn) % accepted.length] ?? "",
      }));
    });
    let built = 0;
    while (waiting.length > 0) {
      const { planted, project, vain } = await plantTogether(waiting);
      const texts =
        project === undefined ? [] : await checkSeed(project, plain);
      for (const one of planted) {
        if (!STAY_HERE.test(one.field.name)) {
          expect(
            texts.some((text) => text.includes(written(one))),
            `${one.field.name}: ${JSON.stringify(one.value)}`,
          ).toBe(true);
        }
      }
      built += planted.length;
      // Those that were kept out come first.
      waiting = waiting.filter(
        (one) => !planted.includes(one) && !vain.includes(one),
      );
    }
    expect(built).toBeGreaterThan(50);
  });

  it("would be caught, were it executed", () => {
    const { status } = run(
      "sh",
      `. "$1"`,
      (() => {
        const path = join(folder, "bad.env");
        writeFileSync(path, `PI_IMAGE_CLUSTER="$(${CANARY})"\n`);
        return path;
      })(),
    );
    expect(status).toBe(0);
    expect(canaryRan(bin)).toBe(true);
  });
});

describeNode("a node with hostile strings", () => {
  /** As many accepted values at once as fit together; `turn` chooses among those of a field. */
  const together = async (turn: number): Promise<ResolvedProject> => {
    let inventory: object = BASE_INVENTORY;
    // The fake machines have the names that there are credentials for, one disk, and packages of other names.
    const fields = FIELDS.filter(
      ({ name }) => !/^nodes\[\]\.name$|dataMount$|packages\[\]$/.test(name),
    );
    for (const field of fields) {
      const { accepted } = tryIn(field);
      const value = accepted[turn % Math.max(accepted.length, 1)];
      const more =
        value === undefined ? inventory : field.set(value, inventory);
      inventory = await load(more).then(
        () => more,
        () => inventory,
      );
    }
    expect(inventory).not.toEqual(BASE_INVENTORY);
    return load(inventory);
  };

  it.each([0, 1])("builds itself, %#", async (turn) => {
    const project = await together(turn);
    for (const node of project.nodes) {
      const root = await layNode({ project, node });
      putCanary(join(root, "bin"));
      const { code, output } = await powerOn(root);
      expect(code, output).toBe(0);
      expect(isDone(root)).toBe(true);
      expect(canaryRan(join(root, "bin"))).toBe(false);
    }
  });
});
