// The netplans that judge our networks: this machine's, and a newer one where that does not know WPA3.
import { join } from "node:path";
import { newerNetplan } from "../support/newer-netplan.ts";
import { hasTool } from "../support/tools.ts";
import { judge } from "./judge.ts";
import { judgedFiles } from "./judged-files.ts";

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

export const asRoot = process.getuid?.() === 0;

/** What `netplan generate` starts, without the half second that its Python takes for that. */
const GENERATOR = "/usr/libexec/netplan/generate";

const command: readonly string[] = hasTool(GENERATOR)
  ? [GENERATOR]
  : ["netplan", "generate"];

/** Called at the top of a test file, for which the judges have a folder. */
export const netplanJudges = async () => {
  const { file, folder } = judgedFiles();

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

  const ofThisMachine = generateWith("netplan", command);
  /** Netplan before 0.107, as on Debian 12, does not. */
  const machineKnowsSae =
    hasTool("netplan") &&
    !ofThisMachine("sae", knowing).output.includes(
      "unknown key management type 'sae'",
    );
  /** Ubuntu 24.04 and newer have one that does. */
  const newer = machineKnowsSae ? undefined : await newerNetplan();
  return [
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
};
