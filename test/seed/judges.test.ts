import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { ResolvedNode } from "../../src/inventory/resolved.ts";
import { renderSeed } from "../../src/seed/render-seed.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { newerNetplan } from "../support/newer-netplan.ts";
import { describeWithTools, hasTool } from "../support/tools.ts";
import { goldenCases, type GoldenNode, renderCase } from "./golden-cases.ts";
import {
  homeWifi,
  packageLibrary,
  sampleNode,
  sampleProject,
  seedInput,
} from "./sample-project.ts";
import { judge } from "./judge.ts";
import { parseWpa } from "./wpa-supplicant.ts";

const folder = mkdtempSync(join(tmpdir(), "pi-image-judges-"));

afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a file below the test's folder; netplan wants it private. */
const file = (path: string, text: string): string => {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text, { mode: 0o600 });
  return full;
};

const seeds: readonly (GoldenNode & { readonly name: string })[] = (
  await Promise.all(
    goldenCases.map(async (name) =>
      (await renderCase(name, await packageLibrary())).map((golden) => ({
        ...golden,
        name: `${name}/${golden.node.name}`,
      })),
    ),
  )
).flat();

type CloudConfig = {
  readonly bootcmd: readonly (readonly string[])[];
  readonly runcmd: readonly (readonly string[])[];
  readonly write_files: readonly {
    readonly path: string;
    readonly content: string;
  }[];
};

const configs = seeds.map(({ name, seed }) => ({
  name,
  config: parse(seed.userData) as CloudConfig,
}));

const writeBelow = (root: string, path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};

/** Every different text that a node has under this path. */
const texts = (path: string): readonly string[] => [
  ...new Set(
    configs.flatMap(({ config }) =>
      config.write_files.flatMap((entry) =>
        entry.path === path ? [entry.content] : [],
      ),
    ),
  ),
];

const fragments = readdirSync(packageFile("cloud-init/fragments"), {
  recursive: true,
  encoding: "utf8",
}).filter((path) => path.endsWith(".yaml"));

describeWithTools(["cloud-init"], "cloud-init", () => {
  const schema = (path: string) => judge("cloud-init", ["schema", "-c", path]);

  it.each(seeds)("accepts the user-data of $name", ({ name, seed }) => {
    const { status, output } = schema(file(`${name}/user-data`, seed.userData));
    expect(output).toMatch(/^Valid/);
    expect(status).toBe(0);
  });

  it.each(fragments)("accepts the fragment %s alone", (path) => {
    const { status, output } = schema(
      packageFile(`cloud-init/fragments/${path}`),
    );
    expect(output).toMatch(/^Valid/);
    expect(status).toBe(0);
  });

  it.each([
    [
      "a number where a text belongs",
      "permissions: '0644'",
      "permissions: 420",
    ],
    ["a key that does not exist", "    content:", "    contents:"],
    ["another first line", "#cloud-config", "#cloud-confg"],
  ])("refuses %s", (_, from, to) => {
    const text = seeds[0]?.seed.userData ?? "";
    const { status } = schema(file("broken", text.replace(from, to)));
    expect(text).toContain(from);
    expect(status).not.toBe(0);
  });

  // Since 23.4; before, netplan alone judges.
  const judgesNetworks = judge("cloud-init", [
    "schema",
    "--help",
  ]).output.includes("--schema-type");

  if (judgesNetworks) {
    it.each(seeds)("accepts the network-config of $name", (golden) => {
      const { name, seed } = golden;
      const path = file(`${name}/network-config`, seed.networkConfig);
      const { status, output } = judge("cloud-init", [
        "schema",
        "--schema-type",
        "network-config",
        "-c",
        path,
      ]);
      expect(output).toMatch(/^Valid/);
      expect(status).toBe(0);
    });
  }

  /** The YAML library that cloud-init itself uses, in the Python that runs it. */
  const python = (documents: readonly string[]): unknown => {
    const { status, output } = judge(
      "/usr/bin/python3",
      [
        "-c",
        "import json,sys,yaml; print(json.dumps([yaml.safe_load(text) for text in json.load(sys.stdin)]))",
      ],
      JSON.stringify(documents),
    );
    expect(status, output).toBe(0);
    return JSON.parse(output);
  };

  it("reads every document as we meant it", () => {
    const documents = seeds.flatMap(({ seed }) => [
      seed.userData,
      seed.metaData,
      seed.networkConfig,
    ]);
    expect(python(documents)).toEqual(documents.map((text) => parse(text)));
  });

  it("would show where two readers differ", () => {
    expect(python(["a: no\n"])).not.toEqual([parse("a: no\n")]);
  });
});

const knowing =
  "network: {version: 2, wifis: {wlan0: {access-points: {x: {auth: {key-management: sae, password: 12345678}}}}}}";

/** Since 1.1 netplan looks which interfaces the machine has: these are a Pi's. */
const WITH_INTERFACES = [
  "unshare",
  "--net",
  "sh",
  "-c",
  'ip link add eth0 type veth peer name wlan0 && exec "$@"',
  "sh",
] as const;

const asRoot = process.getuid?.() === 0;

/** Writes the files of a network configuration below a folder of its own. */
const generateWith =
  (title: string, command: readonly string[]) =>
  (name: string, text: string) => {
    const root = join(folder, title, name);
    file(`${title}/${name}/etc/netplan/50-cloud-init.yaml`, text);
    const [tool = "", ...args] = [
      ...(asRoot ? WITH_INTERFACES : []),
      ...command,
      "--root-dir",
      root,
    ];
    return { root, ...judge(tool, args) };
  };

const ofThisMachine = generateWith("netplan", ["netplan", "generate"]);

/** Netplan before 0.107, as on Debian 12, does not. */
const machineKnowsSae =
  hasTool("netplan") &&
  !ofThisMachine("sae", knowing).output.includes(
    "unknown key management type 'sae'",
  );

/** Ubuntu 24.04 and newer have one that does. */
const newer = machineKnowsSae ? undefined : await newerNetplan();

const netplanJudges = [
  {
    title: "netplan",
    generate: ofThisMachine,
    knowsSae: machineKnowsSae,
    since11: machineKnowsSae,
  },
  ...(newer === undefined
    ? []
    : [
        {
          title: "netplan of Ubuntu 24.04",
          generate: generateWith("newer", newer),
          knowsSae: true,
          since11: true,
        },
      ]),
];

/** "Online" waits for the uplink and for nothing else. */
const expectOnlineBy = (
  root: string,
  uplink: string,
  other: string | undefined,
): void => {
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  const unit = (name: string) =>
    read(`run/systemd/network/10-netplan-${name}.network`);
  const waiting =
    "run/systemd/system/systemd-networkd-wait-online.service.d/10-netplan.conf";
  expect(unit(uplink)).not.toContain("RequiredForOnline=no");
  if (other === undefined) {
    return;
  }
  if (!existsSync(join(root, waiting))) {
    expect(unit(other)).toContain("RequiredForOnline=no\n");
  } else if (asRoot) {
    expect(read(waiting)).toContain(`-i ${uplink}:degraded\n`);
    expect(read(waiting)).not.toContain(other);
  }
};

describe("netplan", () => {
  it("is there with WPA3 wherever Debian or Ubuntu can be had", () => {
    expect(!hasTool("apt-get") || machineKnowsSae || newer !== undefined).toBe(
      true,
    );
  });
});

for (const { title, generate, knowsSae, since11 } of netplanJudges)
  describeWithTools(
    ["ip", "netplan", "unshare", "wpa_supplicant"],
    title,
    () => {
      it.each(seeds)("accepts the network of $name", ({ name, node, seed }) => {
        const { root, status, output } = generate(name, seed.networkConfig);
        if (!knowsSae && seed.networkConfig.includes("key-management: sae")) {
          expect(output).toContain("unknown key management type 'sae'");
          return;
        }
        expect({ status, output }).toEqual({ status: 0, output: "" });
        const { uplink, wifi, addressing } = node.network;
        const unit = readFileSync(
          join(root, `run/systemd/network/10-netplan-${uplink}.network`),
          "utf8",
        );
        expect(unit).toContain(
          addressing.method === "static"
            ? `Address=${addressing.address}\n`
            : "DHCP=ipv4\n",
        );
        const other = uplink === "eth0" ? "wlan0" : "eth0";
        const written = seed.networkConfig.includes(`    ${other}:\n`);
        expect(written).toBe(other === "eth0" || wifi.length > 0);
        expectOnlineBy(root, uplink, written ? other : undefined);
        if (wifi.length > 0) {
          const { ssids, errors } = parseWpa(asSince11(root));
          // Netplan takes the networks from a hash table.
          expect({ ssids: ssids.toSorted(), errors }).toEqual({
            ssids: wifi
              .map(({ ssid }) => Buffer.from(ssid).toString("hex"))
              .toSorted(),
            errors: [],
          });
        }
      });

      it("joins the preferred of several networks", () => {
        const many = seeds.filter(({ node }) => node.network.wifi.length > 1);
        expect(many.length).toBeGreaterThan(1);
        for (const { name, node, seed } of many) {
          const { root } = generate(`ranked/${name}`, seed.networkConfig);
          const path = asSince11(root);
          const { write_files } = parse(seed.userData) as CloudConfig;
          for (const { path, content } of write_files) {
            if (path.endsWith("/wifi-priorities")) {
              writeBelow(root, path, content);
            }
          }
          const run = () =>
            judge("env", [
              `PI_IMAGE_ROOT=${root}`,
              "bash",
              join(root, "usr/local/lib/pi-image/wifi-priorities"),
            ]);
          // Twice, as when the unit is started again.
          expect([run(), run()]).toEqual([
            { status: 0, output: "" },
            { status: 0, output: "" },
          ]);
          const { ssids, errors } = parseWpa(path);
          const priorities = [
            ...readFileSync(path, "latin1").matchAll(/^ {2}priority=(\d+)$/gm),
          ].map(([, number]) => Number(number));
          expect(errors).toEqual([]);
          expect(statSync(path).mode & 0o777).toBe(0o600);
          expect(
            ssids
              .map((ssid, index) => ({
                ssid,
                priority: priorities[index] ?? 0,
              }))
              .toSorted((a, b) => b.priority - a.priority)
              .map(({ ssid }) => ssid),
          ).toEqual(
            node.network.wifi.map(({ ssid }) =>
              Buffer.from(ssid).toString("hex"),
            ),
          );
        }
      });

      /**
       * The configuration for wpa_supplicant, with names as netplan writes them since 1.1 where this one is older: Debian 12 has
       * 0.106, and Ubuntu 22.04 gets no name whose writing differs.
       */
      const asSince11 = (root: string): string => {
        const path = join(root, "run/netplan/wpa-wlan0.conf");
        const text = readFileSync(path, "utf8");
        if (since11) {
          expect(text).toContain('ssid=P"');
          return path;
        }
        writeFileSync(
          path,
          text.replaceAll(
            /^ {2}ssid="(.*)"$/gm,
            (_, name: string) =>
              `  ssid=P"${name.replaceAll('"', String.raw`\"`)}"`,
          ),
          { mode: 0o600 },
        );
        return path;
      };

      it.each(["wpa2", "wpa3", "wpa2-wpa3", "open"] as const)(
        "joins a hidden network with %s",
        async (security) => {
          const node: ResolvedNode = {
            ...sampleNode,
            network: {
              uplink: "wlan0",
              addressing: { method: "dhcp" },
              wifi: [{ ...homeWifi, security, hidden: true }],
            },
          };
          const { seed } = renderSeed(await seedInput(sampleProject, node));
          const { root, output } = generate(
            security,
            seed?.networkConfig ?? "",
          );
          if (security === "wpa3" && !knowsSae) {
            expect(output).toContain("unknown key management type 'sae'");
            return;
          }
          const path = join(root, "run/netplan/wpa-wlan0.conf");
          const lines = readFileSync(path, "utf8")
            .split("\n")
            .map((line) => line.trim());
          expect(parseWpa(path).errors).toEqual([]);
          expect(lines).toContain("scan_ssid=1");
          const passphrase = 'psk="correct horse battery"';
          switch (security) {
            case "wpa2":
              expect(lines).toContain("key_mgmt=WPA-PSK");
              expect(lines).not.toContain(passphrase);
              break;
            case "wpa3":
              expect(lines).toContain("key_mgmt=SAE");
              // Management frames must be protected: https://www.wi-fi.org/discover-wi-fi/security
              expect(lines).toContain("ieee80211w=2");
              expect(lines).toContain(passphrase);
              break;
            case "wpa2-wpa3":
              // With SAE since netplan 0.107.1; before, as WPA2.
              expect(lines).toContain(
                knowsSae
                  ? "key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE"
                  : "key_mgmt=WPA-PSK",
              );
              expect(lines).toContain(passphrase);
              break;
            case "open":
              expect(lines).toContain("key_mgmt=NONE");
              break;
          }
        },
      );

      it("leaves WPA2 without SAE, whose handshake has no use for a derived key", () => {
        const wifi = seeds.find(({ name }) => name === "wifi/worker1");
        const { root } = generate("wpa2", wifi?.seed.networkConfig ?? "");
        const conf = readFileSync(
          join(root, "run/netplan/wpa-wlan0.conf"),
          "utf8",
        );
        expect(conf).toMatch(/^ {2}key_mgmt=WPA-PSK$/m);
        expect(conf).toMatch(/^ {2}psk=[0-9a-f]{64}$/m);
        expect(conf).toMatch(/^country=ES$/m);
      });

      it.each([
        ["an address without prefix", "192.168.1.50/24", "192.168.1.50"],
        ["an unknown key", "dhcp4:", "dhcp5:"],
      ])("refuses %s", (_, from, to) => {
        const text = seeds.find(({ name }) => name === "wired/cplane")?.seed
          .networkConfig;
        expect(text).toContain(from);
        expect(
          generate("broken", text?.replace(from, to) ?? "").status,
        ).not.toBe(0);
      });
    },
  );

describeWithTools(["containerd"], "containerd", () => {
  const dump = (text: string) =>
    judge("containerd", [
      "--config",
      file("config.toml", text),
      "config",
      "dump",
    ]);
  const written = texts("/etc/containerd/config.toml");

  it("takes the configuration, and systemd for cgroups", () => {
    expect(written.length).toBeGreaterThan(0);
    for (const text of written) {
      const { status, output } = dump(text);
      expect(status).toBe(0);
      expect(output).toContain("SystemdCgroup = true");
      expect(output).toMatch(
        /sandbox(_image)? = ['"]registry\.k8s\.io\/pause:3\.10\.2['"]/,
      );
      expect(output).toMatch(/bin_dirs? = .*\/opt\/cni\/bin/);
    }
  });

  it("refuses one that it cannot read", () => {
    expect(dump(`${written[0]}[[[\n`).status).not.toBe(0);
  });
});

describeWithTools(["shellcheck"], "shellcheck", () => {
  const check = (script: string) =>
    judge("shellcheck", ["--shell", "sh", "-"], script);
  const scripts = [
    ...new Set(
      configs.flatMap(({ config }) =>
        [...config.bootcmd, ...config.runcmd].flatMap(([sh, flag, script]) =>
          sh === "sh" && flag === "-c" && script !== undefined ? [script] : [],
        ),
      ),
    ),
  ];

  it("has nothing to say of the scripts in bootcmd and runcmd", () => {
    expect(scripts.length).toBeGreaterThan(1);
    for (const script of scripts) {
      expect(check(script)).toEqual({ status: 0, output: "" });
    }
  });

  it("would say something of a wrong one", () => {
    expect(check("[ $x = y ] && rm $z").status).not.toBe(0);
  });
});

describeWithTools(["apt-get"], "apt", () => {
  const targets = (text: string) =>
    judge("apt-get", [
      "update",
      "--print-uris",
      "-o",
      `Dir::Etc::SourceList=${file("kubernetes.sources", text)}`,
      "-o",
      "Dir::Etc::SourceParts=/dev/null",
    ]);

  it("finds the repository of Kubernetes, or its mirror", () => {
    const found = texts("/etc/apt/sources.list.d/kubernetes.sources").map(
      (text) => targets(text).output.split(" ")[0],
    );
    expect(new Set(found)).toEqual(
      new Set([
        "'http://mirror.home.arpa/kubernetes/core:/stable:/v1.36/deb/InRelease'",
        "'https://pkgs.k8s.io/core:/stable:/v1.36/deb/InRelease'",
      ]),
    );
  });

  it("refuses a source without a suite", () => {
    const { status } = targets("Types: deb\nURIs: https://pkgs.k8s.io/\n");
    expect(status).not.toBe(0);
  });

  it("reads our settings", () => {
    for (const text of texts("/etc/apt/apt.conf.d/90-pi-image")) {
      const { output } = judge("apt-config", [
        "-c",
        file("apt.conf", text),
        "dump",
      ]);
      expect(output).toContain('DPkg::Lock::Timeout "600";');
      expect(output).toContain('Acquire::Retries "5";');
    }
  });
});

describe("what a card carries", () => {
  it("is an authority's key on control planes only", () => {
    for (const { node, seed, name } of seeds) {
      expect(seed.userData.includes("/seed/pki/ca.key"), name).toBe(
        node.role === "control-plane",
      );
    }
  });
});
