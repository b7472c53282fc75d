// The seed of a role image, read by cloud-init's own code, and what remains of it when others write user-data.
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { hasErrors } from "../../src/report/problem.ts";
import type { Library } from "../../src/seed/library/library.ts";
import { parseFragment } from "../../src/seed/library/parse-fragment.ts";
import { parseProfile } from "../../src/seed/library/parse-profile.ts";
import { nodeEnvironment } from "../../src/seed/node-environment.ts";
import { renderRoleSeed } from "../../src/seed/render-role-seed.ts";
import { roleEnvironment } from "../../src/seed/role-values.ts";
import { writeVendorData } from "../../src/seed/vendor-data.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeWithTools } from "../support/tools.ts";
import { judge } from "./judge.ts";
import {
  fixedSecrets,
  packageLibrary,
  sampleNode,
  sampleProject,
} from "./sample-project.ts";

const roleSeed = async (role: "control-plane" | "worker", library?: Library) =>
  renderRoleSeed({
    project: sampleProject,
    role,
    base: "ubuntu-24.04",
    library: library ?? (await packageLibrary()),
    buildTime: new Date(0),
    version: "0",
  });

/** Splits vendor-data as cloud-init does, and lays user-data over it as cloud-init does (cloudinit/helpers.py, ConfigMerger). */
const READER = `
import json, sys
from cloudinit import helpers, user_data, util
given = json.load(sys.stdin)
processor = user_data.UserDataProcessor(helpers.Paths({"cloud_dir": "/nonexistent", "run_dir": "/nonexistent"}))
parts = [part for part in processor.process(given["vendor"]).walk() if part.get_content_maintype() == "text"]
texts = [(part.get_content_type(), part.get_payload(decode=True).decode()) for part in parts]
config = [util.load_yaml(text) for kind, text in texts if kind == "text/cloud-config"][0]
print(json.dumps({"texts": texts, "merged": util.mergemanydict([util.load_yaml(given["user"]), config])}))
`;

type Read = {
  readonly texts: readonly (readonly [string, string])[];
  readonly merged: {
    readonly runcmd?: unknown;
    readonly write_files: readonly { readonly path: string }[];
    readonly bootcmd: readonly unknown[];
    readonly apt: object;
  };
};

/** As Raspberry Pi Imager writes it for a name, a user and SSH: rpi-imager, src/customization_generator.cpp. */
const FROM_IMAGER = `#cloud-config
manage_resolv_conf: false
hostname: attic
manage_etc_hosts: true
packages:
- avahi-daemon
apt:
  preserve_sources_list: true
  conf: |
    Acquire {
      Check-Date "false";
    };
user:
  name: ana
  shell: /bin/bash
  lock_passwd: true
runcmd:
  - [ systemctl, enable, --now, ssh ]
`;

describeWithTools(["cloud-init", "shellcheck"], "cloud-init", () => {
  const read = (vendor: string, user: string): Read => {
    const { status, output } = judge(
      "/usr/bin/python3",
      ["-c", READER],
      JSON.stringify({ vendor, user }),
    );
    expect(status, output).toBe(0);
    return JSON.parse(output.trim().split("\n").at(-1) ?? "") as Read;
  };

  it.each(["control-plane", "worker"] as const)(
    "reads the vendor-data of a %s and keeps it under Imager's user-data",
    async (role) => {
      const folder = await temporaryFolder();
      const { seed } = await roleSeed(role);
      const { texts, merged } = read(seed?.vendorData ?? "", FROM_IMAGER);
      expect(texts.map(([kind]) => kind)).toEqual([
        "text/cloud-config",
        "text/x-shellscript",
      ]);
      const [config = "", script = ""] = texts.map(([, text]) => text);
      const paths = merged.write_files.map(({ path }) => path);
      expect(paths).toContain("/usr/local/lib/pi-image/node");
      expect(paths).toContain("/etc/pi-image/node.env");
      expect(paths).not.toContain("/etc/pi-image/join.conf");
      expect(merged.bootcmd.length).toBeGreaterThan(1);
      // Imager's own replaces a list of the same name: the reason for the script.
      expect(merged.runcmd).toEqual([["systemctl", "enable", "--now", "ssh"]]);
      expect(script).toContain(
        "systemctl start --no-block pi-image-node.service",
      );
      const [configFile, scriptFile, userFile] = [
        "config",
        "script",
        "user",
      ].map((name) => join(folder, name));
      writeFileSync(configFile ?? "", config);
      writeFileSync(scriptFile ?? "", script);
      writeFileSync(userFile ?? "", seed?.userData ?? "");
      for (const file of [configFile, userFile]) {
        const schema = judge("cloud-init", ["schema", "-c", file ?? ""]);
        expect(schema.output).toMatch(/^Valid/);
      }
      const checked = judge("shellcheck", [scriptFile ?? ""]);
      expect(checked.output).toBe("");
    },
  );

  it("would show that a runcmd of ours is lost", () => {
    const config = {
      runcmd: [["true"]],
      write_files: [],
      bootcmd: [],
      apt: {},
    };
    const lost = `#cloud-config-archive\n- type: text/cloud-config\n  content: |\n    #cloud-config\n    ${JSON.stringify(config)}\n`;
    expect(read(lost, FROM_IMAGER).merged.runcmd).not.toContainEqual(["true"]);
  });
});

it("writes commands as a shell takes them", () => {
  const [, script] = parse(
    writeVendorData("", {
      runcmd: [["echo", "it's", "$HOME"], "echo a | tee b"],
    }),
  ) as [object, { content: string }];
  expect(script.content).toBe(
    "#!/bin/sh\n'echo' 'it'\\''s' '$HOME'\necho a | tee b\n",
  );
});

it("sets every variable that the node's scripts may ask for before kubeadm", () => {
  const names = (text: string) =>
    [...text.matchAll(/^(\w+)=/gm)].map((match) => match[1]);
  const ofNode = names(
    nodeEnvironment(sampleProject, sampleNode, fixedSecrets(), new Date(0)),
  );
  const ofRole = names(roleEnvironment(sampleProject, "worker", new Date(0)));
  // What only the kubeadm, cni, storage and PCIe phases and the endpoint's unit read.
  expect(ofNode.filter((name) => !ofRole.includes(name))).toEqual([
    "PI_IMAGE_ENDPOINT_HOST",
    "PI_IMAGE_ENDPOINT_PORT",
    "PI_IMAGE_ENDPOINT_ADDRESS",
    "PI_IMAGE_ENDPOINT_NODE",
    "PI_IMAGE_ENDPOINT_VIRTUAL",
    "PI_IMAGE_API_PORT",
    "PI_IMAGE_CONTROL_PLANES",
    "PI_IMAGE_SEEN",
    "PI_IMAGE_CNI_CONTAINER",
    "PI_IMAGE_POD_SUBNET",
    "PI_IMAGE_SERVICE_SUBNET",
    "PI_IMAGE_JOIN_BY",
    "PI_IMAGE_BOARD",
    "PI_IMAGE_DISK",
    "PI_IMAGE_DATA_MOUNT",
    "PI_IMAGE_KEEP_CARD",
    "PI_IMAGE_EEPROM",
    "PI_IMAGE_PCIE_PROBE",
  ]);
});

const libraryWith = async (
  paths: readonly string[],
  fragments: Readonly<Record<string, string>>,
): Promise<Library> => {
  const library = await packageLibrary();
  const profile = parseProfile(
    `description: A role.\nfragments: [${paths.map((path) => JSON.stringify(path)).join(", ")}]\n`,
    "worker.yaml",
  ).value;
  return {
    ...library,
    profiles: new Map([["worker.yaml", profile]]),
    fragments: new Map(
      Object.entries(fragments).map(([path, text]) => [
        path,
        parseFragment(text, path).value,
      ]),
    ),
  };
};

it("leaves out what asks for a node's value, and nothing that is only misspelt", async () => {
  const library = await libraryWith(
    [
      "kept.yaml",
      "named.yaml",
      "by-${node.board}.yaml",
      "by-${node.role}.yaml",
      "keyed.yaml",
    ],
    {
      "kept.yaml": "#cloud-config\ntimezone: Etc/UTC\n",
      "named.yaml": "#cloud-config\nhostname: ${node.name}\n",
      "by-pi5.yaml": "#cloud-config\npackage_update: true\n",
      "by-worker.yaml": "#cloud-config\nlocale: C.UTF-8\n",
      "keyed.yaml":
        "#cloud-config\nwrite_files: [{path: /k, content: '${pki.ca.key}'}]\n",
    },
  );
  const { seed, leftOut, problems } = await roleSeed("worker", library);
  expect(problems).toEqual([]);
  expect(leftOut).toEqual([
    "named.yaml",
    "by-${node.board}.yaml",
    "keyed.yaml",
  ]);
  expect(seed?.vendorData).toContain("locale: C.UTF-8");
  expect(seed?.vendorData).toContain("timezone: Etc/UTC");

  const misspelt = await libraryWith(["a.yaml", "by-${cluster.runtime}.yaml"], {
    "a.yaml": "#cloud-config\nhostname: ${node.nam}\n",
  });
  const wrong = await roleSeed("worker", misspelt);
  expect(wrong.seed).toBeUndefined();
  expect(hasErrors(wrong.problems)).toBe(true);
  expect(wrong.problems.map(({ code }) => code)).toEqual([
    "FRAGMENT_MISSING",
    "VALUE_UNKNOWN",
  ]);
});

it("has an instance id that changes with what cloud-init would do, and not with the time", async () => {
  const [now, later] = await Promise.all(
    [0, 1e12].map(async (time) =>
      renderRoleSeed({
        project: sampleProject,
        role: "worker",
        base: "ubuntu-24.04",
        library: await packageLibrary(),
        buildTime: new Date(time),
        version: "0",
      }),
    ),
  );
  expect(now?.seed?.instanceId).toMatch(/^pi-image-worker-[0-9a-f]{12}$/);
  expect(later?.seed?.instanceId).toBe(now?.seed?.instanceId);
  expect(later?.seed?.vendorData).not.toBe(now?.seed?.vendorData);
  const { cluster } = sampleProject;
  const other = renderRoleSeed({
    project: { ...sampleProject, cluster: { ...cluster, runtime: "cri-o" } },
    role: "worker",
    base: "ubuntu-24.04",
    library: await packageLibrary(),
    buildTime: new Date(0),
    version: "0",
  });
  expect(other.seed?.instanceId).not.toBe(now?.seed?.instanceId);
});
