// Enterprise Wi-Fi from the inventory to what wpa_supplicant and NetworkManager read on each system.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { parse, stringify } from "yaml";
import { loadInventory } from "../../src/inventory/load/load-inventory.ts";
import type { ResolvedNode } from "../../src/inventory/resolved.ts";
import { networkdFiles } from "../../src/seed/network/networkd-files.ts";
import { describeWithTools, hasTool } from "../support/tools.ts";
import type { CloudConfig } from "./golden-seeds.ts";
import { judge } from "./judge.ts";
import { judgedFiles } from "./judged-files.ts";
import { KEYFILE_TOOLS, profilesIn } from "./network-manager.ts";
import { netplanJudges } from "./netplan-judges.ts";
import { renderSeed } from "./render-seed.ts";
import { seedInput } from "./sample-project.ts";
import { parseWpa } from "./wpa-supplicant.ts";

const { file, folder } = judgedFiles();

const openssl = (...args: readonly string[]): void => {
  execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
};

const IDENTITY = String.raw`DOMAIN\node #1; é`;
const PASSWORD = String.raw` p'x\ ;#"y `;
const KEY_PASSWORD = "open; #1";

const makeCertificates = (): void => {
  const self = (name: string, ...more: readonly string[]) =>
    openssl(
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(
        " ",
      ),
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`,
      ...more,
    );
  self("ca");
  self("user", "-addext", "basicConstraints=critical,CA:FALSE");
  openssl("x509", "-in", "ca.pem", "-outform", "der", "-out", "ca.der");
  openssl(
    ..."pkcs8 -topk8 -in user.key -out locked.key -passout".split(" "),
    `pass:${KEY_PASSWORD}`,
  );
};

if (hasTool("openssl")) {
  makeCertificates();
}

const tunnel = {
  security: "enterprise",
  country: "ES",
  password: "env:PASSWORD",
};
const peap = { method: "peap", identity: IDENTITY, ca: "file:ca.pem" };
const tls = {
  method: "tls",
  identity: "node",
  ca: "file:ca.pem",
  domain: "radius.example.org",
  certificate: "file:user.pem",
  clientKey: "env:KEY",
  clientKeyPassword: "env:KEY_PASSWORD",
};

const WIFI = [
  { ...tunnel, ssid: "peap", eap: peap },
  {
    ...tunnel,
    ssid: 'ttls "2"',
    eap: {
      ...peap,
      method: "ttls",
      inner: "pap",
      anonymousIdentity: "anonymous",
      ca: "system",
      domain: "radius.example.org",
    },
  },
  {
    security: "enterprise",
    country: "ES",
    ssid: "tls",
    eap: tls,
  },
];

const defaults = {
  users: [
    {
      name: "ana",
      sshKeys: [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOnpJv1RLwluXwBXcDwIVQEbxP4VRY8T1f4VY3zbO8TK",
      ],
    },
  ],
};

const env = () => ({
  PASSWORD,
  KEY_PASSWORD,
  OTHER: "wrong",
  KEY: readFileSync(join(folder, "locked.key"), "utf8"),
});

const load = (wifi: unknown, base = "ubuntu-24.04") =>
  loadInventory({
    path: file(
      "cluster.yaml",
      stringify({
        cluster: { name: "homelab", endpoint: "cplane" },
        defaults,
        nodes: [{ name: "cplane", role: "control-plane", base, wifi }],
      }),
    ),
    env: env(),
  });

const seedOn = async (base: string) => {
  const { project, problems } = await load(WIFI, base);
  const [node] = project?.nodes ?? [];
  if (project === undefined || node === undefined) {
    throw new Error(JSON.stringify(problems));
  }
  const { seed } = renderSeed(await seedInput(project, node));
  if (seed === undefined) {
    throw new Error(base);
  }
  const { write_files } = parse(seed.userData) as CloudConfig;
  return {
    seed,
    node: node satisfies ResolvedNode,
    files: new Map(write_files.map(({ path, content }) => [path, content])),
  };
};

describeWithTools(["openssl"], "the certificates of an inventory", () => {
  const changed = (eap: object): unknown => ({ ...WIFI[2], eap });
  it.each([
    ["holds", tls, undefined],
    ["is in DER", { ...tls, ca: "file:ca.der" }, /cannot be used|can be read/],
    ["is no authority", { ...tls, ca: "file:user.pem" }, /not of an authority/],
    ["is a key", { ...tls, certificate: "file:user.key" }, /no certificate/],
    [
      "has another key",
      { ...tls, clientKey: "file:ca.key" },
      /not that of the/,
    ],
    [
      "has a public key",
      { ...tls, clientKey: "file:ca.pem" },
      /no private key/,
    ],
    [
      "has a locked key",
      { ...tls, clientKeyPassword: undefined },
      /nothing says with which password/,
    ],
    [
      "has a key with another password",
      { ...tls, clientKeyPassword: "env:OTHER" },
      /cannot be opened/,
    ],
  ])("are judged: one that %s", async (_, eap, said) => {
    const { problems } = await load(changed(eap));
    const errors = problems.filter(
      ({ code }) => code === "WIFI_CERTIFICATE_INVALID",
    );
    expect(errors.map(({ message }) => message)).toEqual(
      said === undefined ? [] : [expect.stringMatching(said)],
    );
  });

  it("are judged by the day", async () => {
    vi.useFakeTimers({ now: new Date("2100-01-01"), toFake: ["Date"] });
    const { problems } = await load(changed(tls));
    vi.useRealTimers();
    expect(problems.map(({ message }) => message)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^the certificate in ca\.pem ended on \d{4}-/),
        expect.stringMatching(/^the certificate in user\.pem ended on \d{4}-/),
      ]),
    );
  });

  it("and their secrets are in no problem", async () => {
    const all = await load(changed({ ...tls, clientKeyPassword: "env:OTHER" }));
    const key = readFileSync(join(folder, "locked.key"), "utf8");
    const shown = JSON.stringify([...all.problems, ...all.files]);
    expect(shown).not.toContain(key.split("\n")[1]);
    expect(shown).not.toContain(KEY_PASSWORD);
  });
});

describeWithTools(
  ["openssl"],
  "an image that is built without the secrets",
  () => {
    it("is known for that of the node, and one of another node is not", async () => {
      const { node } = await seedOn("ubuntu-24.04");
      const digests = await Promise.all(
        [env(), {}].map(async (env) => {
          const { project } = await loadInventory({
            path: join(folder, "cluster.yaml"),
            env,
            secrets: "at hand",
          });
          const [same] = project?.nodes ?? [];
          expect(same?.name).toBe(node.name);
          const rendered =
            project === undefined || same === undefined
              ? undefined
              : renderSeed(await seedInput(project, same)).seed;
          return rendered?.withoutPasswords;
        }),
      );
      expect(digests[1]).toBe(digests[0]);
      expect(digests[0]).toMatch(/^[0-9a-f]{12}$/);
    });
  },
);

const judges = await netplanJudges();

for (const { title, generate } of judges) {
  describeWithTools(
    ["ip", "netplan", "openssl", "unshare", ...KEYFILE_TOOLS],
    `NetworkManager by ${title}`,
    () => {
      it("reads all settings of enterprise networks", async () => {
        const { seed, files } = await seedOn("raspios-trixie");
        const { root, status, output } = generate(
          "keyfiles",
          seed.networkConfig,
        );
        expect({ status, output }).toEqual({ status: 0, output: "" });
        const read = profilesIn(root).toSorted(
          (a, b) => b.priority - a.priority,
        );
        const none = {
          anonymous: null,
          certificate: null,
          key: null,
          keyPassword: null,
          domain: null,
          password: null,
          phase2: null,
        };
        expect(read.map(({ eap }) => eap)).toEqual([
          {
            ...none,
            method: "peap",
            identity: IDENTITY,
            password: PASSWORD,
            phase2: "mschapv2",
            ca: "/etc/pi-image/wifi/1-ca.pem",
          },
          {
            ...none,
            method: "ttls",
            identity: IDENTITY,
            anonymous: "anonymous",
            password: PASSWORD,
            phase2: "pap",
            ca: "/etc/ssl/certs/ca-certificates.crt",
            domain: "radius.example.org",
          },
          {
            ...none,
            method: "tls",
            identity: "node",
            ca: "/etc/pi-image/wifi/3-ca.pem",
            certificate: "/etc/pi-image/wifi/3.pem",
            key: "/etc/pi-image/wifi/3.key",
            keyPassword: KEY_PASSWORD,
            domain: "radius.example.org",
          },
        ]);
        expect(files.get("/etc/pi-image/wifi/1-ca.pem")).toBe(
          readFileSync(join(folder, "ca.pem"), "utf8"),
        );
        expect(files.get("/etc/pi-image/wifi/3.key")?.trim()).toBe(
          readFileSync(join(folder, "locked.key"), "utf8").trim(),
        );
      });
    },
  );

  describeWithTools(
    ["ip", "netplan", "openssl", "unshare", "wpa_supplicant"],
    `wpa_supplicant by ${title}`,
    () => {
      it("reads all settings, and proves no server before its domain is set", async () => {
        const { seed, files } = await seedOn("ubuntu-24.04");
        const { root, status } = generate("wpa", seed.networkConfig);
        expect(status).toBe(0);
        const conf = join(root, "run/netplan/wpa-wlan0.conf");
        // Netplan before 1.1 writes a name with quotes in another way (judge-netplan.test.ts).
        const original = readFileSync(conf, "utf8").replaceAll(
          /^ {2}ssid="(.*)"$/gm,
          (_, name: string) =>
            `  ssid=P"${name.replaceAll('"', String.raw`\"`)}"`,
        );
        writeFileSync(conf, original);
        for (const [path, content] of files) {
          if (path.includes("wifi")) {
            mkdirSync(dirname(join(root, path)), { recursive: true });
            writeFileSync(join(root, path), content);
          }
        }
        const bundle = join(root, "etc/ssl/certs/ca-certificates.crt");
        mkdirSync(dirname(bundle), { recursive: true });
        writeFileSync(bundle, "bundle");
        const run = () =>
          judge("env", [
            `PI_IMAGE_ROOT=${root}`,
            "bash",
            join(root, "usr/local/lib/pi-image/wifi-priorities"),
          ]);
        const laid = (number: number): boolean =>
          existsSync(join(root, `run/pi-image-wifi/${number}-ca.pem`));
        // A configuration without the networks: nothing is proven by a domain there.
        writeFileSync(conf, 'network={\n  ssid=P"other"\n}\n');
        expect(run()).toEqual({ status: 0, output: "" });
        expect([laid(2), laid(3)]).toEqual([false, false]);
        writeFileSync(conf, original);
        expect([run(), run()]).toEqual([
          { status: 0, output: "" },
          { status: 0, output: "" },
        ]);
        expect([laid(2), laid(3)]).toEqual([true, true]);
        expect(statSync(conf).mode & 0o777).toBe(0o600);
        const { errors, textsOf, ssids } = parseWpa(conf);
        expect(errors).toEqual([]);
        expect(ssids).toHaveLength(3);
        const sorted = (name: string) => textsOf(name).toSorted();
        expect(sorted("identity")).toEqual([IDENTITY, IDENTITY, "node"]);
        expect(sorted("anonymous_identity")).toEqual(["anonymous"]);
        expect(sorted("password")).toEqual([PASSWORD, PASSWORD]);
        expect(sorted("phase2")).toEqual(["auth=MSCHAPV2", "auth=PAP"]);
        expect(sorted("ca_cert")).toEqual([
          "/etc/pi-image/wifi/1-ca.pem",
          "/run/pi-image-wifi/2-ca.pem",
          "/run/pi-image-wifi/3-ca.pem",
        ]);
        expect(sorted("private_key")).toEqual(["/etc/pi-image/wifi/3.key"]);
        expect(sorted("private_key_passwd")).toEqual([KEY_PASSWORD]);
        expect(sorted("domain_suffix_match")).toEqual([
          "radius.example.org",
          "radius.example.org",
        ]);
      });
    },
  );
}

describeWithTools(["openssl", "wpa_supplicant"], "Arch Linux ARM", () => {
  it("reads all settings, with the domain in the file itself", async () => {
    const { seed, files } = await seedOn("archlinuxarm");
    const order = files.get("/etc/pi-image/wifi-priorities") ?? "";
    const text = networkdFiles(seed.networkConfig, order).find(({ path }) =>
      path.endsWith("/wpa_supplicant-wlan0.conf"),
    )?.text;
    const { errors, textsOf } = parseWpa(file("arch.conf", text ?? ""));
    expect(errors).toEqual([]);
    expect(textsOf("identity")).toEqual([IDENTITY, IDENTITY, "node"]);
    expect(textsOf("password")).toEqual([PASSWORD, PASSWORD]);
    expect(textsOf("ca_cert")).toEqual([
      "/etc/pi-image/wifi/1-ca.pem",
      "/etc/ssl/certs/ca-certificates.crt",
      "/etc/pi-image/wifi/3-ca.pem",
    ]);
    expect(textsOf("domain_suffix_match")).toEqual([
      "radius.example.org",
      "radius.example.org",
    ]);
    expect(textsOf("private_key_passwd")).toEqual([KEY_PASSWORD]);
    expect(text).toMatch(/eap=PEAP\n[^]*eap=TTLS\n[^]*eap=TLS\n/);
  });
});

describe("a password that netplan cannot write", () => {
  it("is refused on Ubuntu alone", async () => {
    const odd = 'a"b#c';
    const told = async (base: string) => {
      const { project } = await loadInventory({
        path: file(
          "odd.yaml",
          stringify({
            cluster: { name: "homelab", endpoint: "cplane" },
            defaults,
            nodes: [
              {
                name: "cplane",
                role: "control-plane",
                base,
                wifi: {
                  ...tunnel,
                  ssid: "a",
                  eap: { ...peap, ca: "system", domain: "a.example" },
                },
              },
            ],
          }),
        ),
        env: { PASSWORD: odd },
      });
      const [node] = project?.nodes ?? [];
      if (project === undefined || node === undefined) {
        throw new Error(base);
      }
      return renderSeed(await seedInput(project, node)).problems.map(
        ({ code }) => code,
      );
    };
    expect(await told("ubuntu-24.04")).toEqual(["WIFI_PASSWORD_UNWRITABLE"]);
    expect(await told("raspios-trixie")).toEqual([]);
    expect(await told("archlinuxarm")).toEqual([]);
  });
});
