// The real programs take what a card carries, and would refuse what is wrong.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { packageFile } from "../../src/system/package-files.ts";
import { describeWithTools } from "../support/tools.ts";
import { schemaVerdicts } from "./cloud-init-judge.ts";
import { judge, type Verdict } from "./judge.ts";
import { seeds, configs, texts } from "./golden-seeds.ts";
import { judgedFiles } from "./judged-files.ts";

const { file, folder } = judgedFiles();

const fragments = readdirSync(packageFile("cloud-init/fragments"), {
  recursive: true,
  encoding: "utf8",
}).filter((path) => path.endsWith(".yaml"));

describeWithTools(["cloud-init"], "cloud-init", () => {
  const userData = (name: string) => `${name}/user-data`;
  const networkConfig = (name: string) => `${name}/network-config`;
  const broken = (what: string) => `broken/${what}`;
  const BROKEN = [
    [
      "a number where a text belongs",
      "permissions: '0644'",
      "permissions: 420",
    ],
    ["a key that does not exist", "    content:", "    contents:"],
    ["another first line", "#cloud-config", "#cloud-confg"],
  ] as const;
  let verdicts: ReadonlyMap<string, Verdict>;

  beforeAll(() => {
    const text = seeds[0]?.seed.userData ?? "";
    verdicts = schemaVerdicts([
      ...BROKEN.map(([what, from, to]) =>
        file(broken(what), text.replace(from, to)),
      ),
      ...seeds.map(({ name, seed }) => file(userData(name), seed.userData)),
      ...fragments.map((path) => packageFile(`cloud-init/fragments/${path}`)),
    ]);
  });

  const schema = (path: string): Verdict =>
    verdicts.get(path) ?? { status: null, output: "not judged" };

  it.each(seeds)("accepts the user-data of $name", ({ name }) => {
    const { status, output } = schema(join(folder, userData(name)));
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

  it.each(BROKEN)("refuses %s", (what, from) => {
    expect(seeds[0]?.seed.userData).toContain(from);
    expect(schema(join(folder, broken(what))).status).toBe(1);
  });

  it("says by itself what it says when it judges many", () => {
    const paths = [userData(seeds[0]?.name ?? ""), broken(BROKEN[1][0])];
    const alone = paths.map((path) =>
      judge("cloud-init", ["schema", "-c", join(folder, path)]),
    );
    expect(alone.map(({ status }) => status)).toEqual([0, 1]);
    for (const [at, path] of paths.entries()) {
      expect(schema(join(folder, path)).status).toBe(alone[at]?.status);
    }
  });

  // Since 23.4; before, netplan alone judges.
  const judgesNetworks = judge("cloud-init", [
    "schema",
    "--help",
  ]).output.includes("--schema-type");

  if (judgesNetworks) {
    beforeAll(() => {
      const networks = schemaVerdicts(
        seeds.map(({ name, seed }) =>
          file(networkConfig(name), seed.networkConfig),
        ),
        "--schema-type",
        "network-config",
      );
      verdicts = new Map([...verdicts, ...networks]);
    });

    it.each(seeds)("accepts the network-config of $name", ({ name }) => {
      const { status, output } = schema(join(folder, networkConfig(name)));
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
