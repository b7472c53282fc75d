import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { resolveHost } from "../../src/inventory/resolve-host.ts";
import type {
  ResolvedNode,
  ResolvedProject,
  Wifi,
} from "../../src/inventory/resolved.ts";
import { secret } from "../../src/report/secret.ts";
import { fillSeed, type SeedInput } from "../../src/seed/fill-seed.ts";
import { renderSeed, type WholeSeedInput } from "./render-seed.ts";
import type { Seed } from "../../src/seed/seed.ts";
import { supplySeed } from "../../src/seed/supply-seed.ts";
import { describeWithTools } from "../support/tools.ts";
import { hostileText } from "./texts.ts";
import { libraryWithoutScripts } from "./golden-cases.ts";
import { judge } from "./judge.ts";
import {
  controlPlane,
  fixedSecrets,
  homeWifi,
  sampleCluster,
  sampleNode,
  sampleProject,
  seedInput,
} from "./sample-project.ts";
import { fc } from "../support/seeded.ts";

type WrittenFile = {
  readonly path: string;
  readonly permissions: string;
  readonly content: string;
  readonly encoding?: string;
};

const filesOf = (seed: Seed): ReadonlyMap<string, WrittenFile> =>
  new Map(
    (
      parse(seed.userData) as { readonly write_files: readonly WrittenFile[] }
    ).write_files.map((file) => [file.path, file]),
  );

const render = (input: WholeSeedInput): Seed => {
  const { seed, problems } = renderSeed(input);
  if (seed === undefined) {
    throw new Error(JSON.stringify(problems));
  }
  return seed;
};

const worker = await seedInput(sampleProject, sampleNode);
const first = await seedInput(sampleProject, controlPlane);

describe("renderSeed", () => {
  it("gives the same bytes for the same input", () => {
    expect(render(first)).toEqual(render(first));
  });

  it("names the instance by the node and by what cloud-init has to do", () => {
    const { instanceId, metaData } = render(worker);
    expect(instanceId).toMatch(/^pi-image-worker1-[0-9a-f]{12}$/);
    expect(parse(metaData)).toEqual({
      "instance-id": instanceId,
      "local-hostname": "worker1",
      dsmode: "local",
    });
    const later = { ...worker, buildTime: new Date("2027-01-01T00:00:00Z") };
    expect(render(later).instanceId).toBe(instanceId);
    expect(render({ ...worker, version: "9.9.9" }).instanceId).toBe(instanceId);
    expect(render(later).userData).not.toBe(render(worker).userData);
    const ids = [
      worker,
      { ...worker, node: { ...sampleNode, timezone: "Etc/UTC" } },
      { ...worker, kubernetesKey: "key" },
      {
        ...worker,
        node: {
          ...sampleNode,
          network: { ...sampleNode.network, wifi: [homeWifi] },
        },
      },
    ].map((input) => render(input).instanceId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("keeps what is secret from whoever is not root", () => {
    const readable = [...filesOf(render(first)).values()].filter(
      ({ permissions }) => !permissions.endsWith("00"),
    );
    expect(readable.length).toBeGreaterThan(5);
    for (const { path, content } of readable) {
      expect(content, path).not.toMatch(/PRIVATE KEY-----/);
    }
    for (const path of [
      "/etc/pi-image/kubeadm.yaml",
      "/etc/pi-image/node.env",
    ]) {
      expect(filesOf(render(first)).get(path)?.permissions).toBe("0600");
    }
  });

  it("gives a worker no key but its own", () => {
    const { userData } = render(worker);
    const {
      ca,
      etcdCa,
      frontProxyCa,
      serviceAccount,
      admin,
      bootstrapToken,
      nodes,
    } = fixedSecrets();
    const foreign = [
      ...[ca, etcdCa, frontProxyCa, serviceAccount, admin].map(
        ({ key }) => key,
      ),
      ...Object.entries(nodes)
        .filter(([name]) => name !== "worker1")
        .flatMap(([, { hostKey, joinIdentity }]) => [
          hostKey.key,
          joinIdentity.key,
        ]),
    ];
    const lines = foreign.flatMap((key) =>
      key
        .reveal()
        .split("\n")
        .filter((line) => line.length > 60 && !line.includes("AAAAB")),
    );
    expect(lines.length).toBeGreaterThan(20);
    const plain = `${userData}${[...userData.matchAll(/[A-Za-z0-9+/=]{200,}/g)].map(([text]) => Buffer.from(text, "base64").toString()).join("")}`;
    expect(lines.filter((line) => plain.includes(line))).toEqual([]);
    expect(plain).not.toContain(bootstrapToken.reveal());
    expect(plain).toContain(nodes["worker1"]?.joinIdentity.key.reveal() ?? "?");
  });

  it("gives a card that joins by token the token and no identity", () => {
    const cluster = {
      ...sampleCluster,
      join: { ...sampleCluster.join, by: "token" },
    } as const;
    const project = { ...sampleProject, cluster };
    const seed = render({ ...worker, project });
    expect([...filesOf(seed).keys()]).not.toContain("/etc/pi-image/join.conf");
    expect(seed.userData).toContain(fixedSecrets().bootstrapToken.reveal());
  });

  it("gives the first control plane the manifests, packed when they are long", () => {
    const text = `# ${"long ".repeat(4000)}\nkind: List\n`;
    const manifests = [
      { name: "10-short.yaml", text: "kind: List\n" },
      { name: "20-long.yaml", text },
    ];
    const files = filesOf(render({ ...first, manifests }));
    expect(
      files.get("/var/lib/pi-image/manifests/10-short.yaml"),
    ).toMatchObject({ content: "kind: List\n", permissions: "0600" });
    const long = files.get("/var/lib/pi-image/manifests/20-long.yaml");
    expect(long?.encoding).toBe("gz+b64");
    const data = Buffer.from(long?.content ?? "", "base64");
    expect(gunzipSync(data).toString()).toBe(text);
    // No time and no operating system in the gzip header: RFC 1952, section 2.3.
    expect([...data.subarray(4, 8), data[9]]).toEqual([0, 0, 0, 0, 255]);
    expect(render({ ...worker, manifests }).userData).not.toContain("10-short");
  });

  it("counts files unpacked, because another zlib would pack them differently", () => {
    const noProxy = Array.from({ length: 500 }, (_, n) => `host${n}.lan`);
    const host = resolveHost({ proxy: { http: "http://p:1", noProxy } }, {});
    const { filled } = fillSeed(
      { ...worker, node: { ...sampleNode, host } },
      [],
    );
    const seed = filled && supplySeed(filled, { manifests: [] }).seed;
    const isPacked = (text: string | undefined) => /gz\+b64/.test(text ?? "");
    expect(isPacked(seed?.userData)).toBe(true);
    expect(isPacked(JSON.stringify(filled?.timeless))).toBe(false);
  });

  it("puts the key of the Kubernetes packages onto every card, if there is one", () => {
    const path = "/etc/apt/keyrings/kubernetes.asc";
    expect(
      filesOf(render({ ...worker, kubernetesKey: "armoured" })).get(path)
        ?.content,
    ).toBe("armoured");
    expect(filesOf(render(worker)).has(path)).toBe(false);
  });

  it("tells of a file that is there twice, before anything is fetched where it can", () => {
    const name = "10-twice.yaml";
    const manifests = [
      { name, text: "kind: List\n" },
      { name, text: "kind: Pod\n" },
    ];
    const codes = ["SEED_FILE_TWICE"];
    const early = fillSeed(first, manifests);
    expect(early.problems.map(({ code }) => code)).toEqual(codes);
    expect(early.filled).toBeUndefined();
    const late = renderSeed({ ...first, manifests });
    expect(late.problems.map(({ code }) => code)).toEqual(codes);
    expect(late.seed).toBeUndefined();
  });

  it("puts a virtual address onto control planes only", () => {
    const endpoint = {
      host: "api",
      port: 6443,
      address: "192.168.1.40",
      virtual: true,
    };
    const project = {
      ...sampleProject,
      cluster: { ...sampleCluster, endpoint },
    };
    const path = "/var/lib/pi-image/seed/kube-vip.yaml";
    expect(filesOf(render({ ...first, project })).get(path)?.content).toContain(
      "192.168.1.40",
    );
    expect(filesOf(render({ ...worker, project })).has(path)).toBe(false);
  });

  it("gives nothing where the library is incomplete", async () => {
    const library = worker.library;
    const without = (layers: Partial<SeedInput["library"]>) =>
      renderSeed({ ...worker, library: { ...library, ...layers } });
    const noProfile = without({ profiles: new Map() });
    expect(noProfile.seed).toBeUndefined();
    expect(noProfile.problems.map(({ code }) => code)).toEqual([
      "PROFILE_MISSING",
    ]);
    // What the loader has reported already.
    const broken = new Map(library.fragments).set("host/name.yaml", undefined);
    expect(without({ fragments: broken })).toEqual({
      seed: undefined,
      problems: [],
    });
    expect(without({ networks: new Map() }).seed).toBeUndefined();
  });

  it("says what Wi-Fi cannot do", () => {
    const problemsOf = (base: string, password: string) =>
      renderSeed({
        ...worker,
        node: {
          ...sampleNode,
          base,
          network: {
            ...sampleNode.network,
            wifi: [
              { ...homeWifi, security: "wpa3", password: secret(password) },
            ],
          },
        },
      }).problems.map(({ code, message }) => `${code} ${message}`);
    expect(problemsOf("ubuntu-24.04", "just fine")).toEqual([]);
    const named = (base: string, ssid: Wifi["ssid"]) =>
      renderSeed({
        ...worker,
        node: {
          ...sampleNode,
          base,
          network: {
            ...sampleNode.network,
            wifi: [homeWifi, { ...homeWifi, ssid }],
          },
        },
      }).problems.map(({ code, message }) => `${code} ${message}`);
    expect(named("ubuntu-22.04", "café & more")).toEqual([]);
    expect(named("ubuntu-24.04", Buffer.from([0xff]))).toEqual([]);
    expect(named("ubuntu-22.04", Buffer.from([0xff]))).toEqual([
      "WIFI_SSID_UNSUPPORTED the netplan of Ubuntu 22.04, which worker1 has, cannot write the octets of its Wi-Fi network's name",
    ]);
    expect(problemsOf("ubuntu-22.04", 'a"b#secret')).toEqual([
      "WIFI_SECURITY_UNSUPPORTED worker1 cannot use wpa3 with Ubuntu 22.04, whose netplan does not know it",
      "WIFI_PASSWORD_UNWRITABLE the Wi-Fi password of worker1 has a # behind a \", which wpa_supplicant's configuration cannot hold with wpa3",
    ]);
  });
});

const hostileInput = fc
  .record({
    name: hostileText,
    cluster: hostileText,
    zone: hostileText,
    locale: hostileText,
    user: hostileText,
    key: hostileText,
    shell: hostileText,
    address: hostileText,
    gateway: hostileText,
    search: hostileText,
    ssid: hostileText,
    country: hostileText,
    password: fc.string({
      unit: "grapheme-ascii",
      minLength: 8,
      maxLength: 63,
    }),
    mirror: hostileText,
    patch: hostileText,
  })
  .map((texts): SeedInput & { readonly texts: typeof texts } => {
    const node: ResolvedNode = {
      ...sampleNode,
      name: texts.name,
      timezone: texts.zone,
      locale: texts.locale,
      users: [
        {
          name: texts.user,
          sshKeys: [texts.key],
          sudo: true,
          shell: texts.shell,
        },
      ],
      network: {
        uplink: "eth0",
        addressing: {
          method: "static",
          addresses: [texts.address],
          gateways: [texts.gateway],
          nameservers: [texts.gateway],
          search: [texts.search],
        },
        ipv6: "base",
        wifi: [
          {
            ...homeWifi,
            ssid: texts.ssid,
            country: texts.country,
            security: "wpa2",
            password: secret(texts.password),
          },
        ],
      },
    };
    const project: ResolvedProject = {
      cluster: {
        ...sampleCluster,
        name: texts.cluster,
        kubernetes: { minor: "1.36", patch: texts.patch },
        mirrors: { ...sampleCluster.mirrors, ubuntu: texts.mirror },
      },
      nodes: [controlPlane, node],
    };
    const secrets = fixedSecrets();
    const credentials = secrets.nodes["worker1"];
    if (credentials === undefined) {
      throw new Error("the fixed secrets have a worker1");
    }
    return {
      ...worker,
      project,
      node,
      secrets: {
        ...secrets,
        nodes: Object.fromEntries([[texts.name, credentials]]),
      },
      texts,
    };
  });

describeWithTools(["cloud-init"], "hostile values", () => {
  it("reach cloud-init's own YAML reader as they are", async () => {
    // Without the scripts, which Python would read a hundred times.
    const library = await libraryWithoutScripts();
    const inputs = fc
      .sample(hostileInput, 100)
      .map((input) => ({ ...input, library }));
    const seeds = inputs.map(render);
    const documents = seeds.flatMap((seed) => [
      seed.userData,
      seed.metaData,
      seed.networkConfig,
    ]);
    const { status, output } = judge(
      "/usr/bin/python3",
      [
        "-c",
        "import json,sys,yaml; print(json.dumps([yaml.safe_load(text) for text in json.load(sys.stdin)]))",
      ],
      JSON.stringify(documents),
    );
    expect(status, output).toBe(0);
    const read = JSON.parse(output) as Record<string, unknown>[];
    for (const [index, { texts }] of inputs.entries()) {
      const [user, meta, network] = read.slice(index * 3);
      expect(user).toMatchObject({
        hostname: texts.name,
        timezone: texts.zone,
        locale: texts.locale,
        users: [
          {
            name: texts.user,
            shell: texts.shell,
            ssh_authorized_keys: [texts.key],
          },
        ],
        apt: { primary: [{ uri: texts.mirror }] },
      });
      expect(meta).toMatchObject({ "local-hostname": texts.name });
      expect(network).toMatchObject({
        network: {
          ethernets: {
            eth0: {
              addresses: [texts.address],
              routes: [{ to: "default", via: texts.gateway }],
              nameservers: { search: [texts.search] },
            },
          },
          wifis: { wlan0: { "regulatory-domain": texts.country } },
        },
      });
      const files = user?.["write_files"] as readonly WrittenFile[];
      const env = files.find(({ path }) => path === "/etc/pi-image/node.env");
      const quoted = (text: string) =>
        `'${text.replaceAll("'", String.raw`'\''`)}'`;
      expect(env?.content).toContain(
        `PI_IMAGE_CLUSTER=${quoted(texts.cluster)}\n`,
      );
      expect(env?.content).toContain(
        `PI_IMAGE_KUBERNETES_PATCH=${quoted(texts.patch)}\n`,
      );
      const hosts = files.find(({ path }) => path === "/etc/hosts");
      expect(hosts?.content).toContain(` ${texts.name}\n`);
    }
  });
});
