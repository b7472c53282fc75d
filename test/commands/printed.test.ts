// What the commands of the README print, byte for byte but for what another run cannot repeat: times, digests, folders.
// `--help` of every command is in docs/reference/commands.md, and what is said of wrong files in test/inventory/invalid/.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCli } from "../support/run-cli.ts";

/** Nothing listens there, so that no run has a network. */
const PROXY = "http://127.0.0.1:1";

/** Each command of the README, and how it is run where it names a device or needs a network. In this order, in one folder. */
const README: readonly (readonly [readme: string, run?: string])[] = [
  [
    "build --role worker --host worker2",
    "build --role worker --host worker2 --base sample",
  ],
  ["flash /dev/sdX --host worker2", "flash card.img --host worker2 --yes"],
  ["flash", "flash card.img --yes"],
  ["flash /dev/sdX out/worker2.img", "flash card.img out/worker2.img --yes"],
  ["completion bash", "completion bash"],
  ["init", "init"],
  ["init --yes", "init --yes"],
  ["check", "check"],
  ["build", "build --format seed"],
  [
    "flash --host worker1=/dev/sdX --host worker2=/dev/sdY",
    "flash --host worker1=one.img --host worker2=two.img --yes",
  ],
  [
    "build --base ubuntu-24.04.3-preinstalled-server-arm64+raspi.img.xz",
    "build --base ubuntu-24.04.3-preinstalled-server-arm64+raspi.img.xz",
  ],
  ["base update", "base update"],
  ["devices --test /dev/sdX", "devices --test /dev/sdX"],
  // The disks of this computer; test/device/ has those of others.
  ["devices"],
  // A cluster that runs; they have tests of their own.
  ["backup"],
  ["restart"],
  ["upgrade --to 1.37"],
  ["node remove worker2"],
  // Among the others, before there is a cluster.
  ["secrets status"],
];

const OTHERS: readonly string[] = [
  "build --dry-run",
  "build --no-keep --json",
  "check --json",
  "flash card.img --host worker2 --yes --dry-run",
  "flash /dev/sdX --host worker2",
  "flash card.img --host worker9 --yes",
  "verify card.img out/worker2.img",
  "verify card.img out/worker2.img --json",
  "verify one.img out/worker2.img",
  "base list",
  "base list --json",
  "bundle list",
  "secrets show",
  "secrets status",
  "kubeconfig",
  "node add worker3",
  "doctor worker9",
  "release --base sample --dry-run",
];

const readmeCommands = async (): Promise<ReadonlySet<string>> => {
  const text = await readFile(packageFile("README.md"), "utf8");
  const shown = [
    ...text.matchAll(/^ {4}pi-image (.*?)(?: {2,}.*| >>.*)?$/gm),
    ...text.matchAll(/`pi-image ([^`]+)`/g),
  ];
  return new Set(shown.map(([, words = ""]) => words));
};

/** Progress comes as often as the clock says. */
const withoutProgress = (text: string): string =>
  text.replaceAll(/^\{"schema":1,"type":"progress".*\n/gm, "");

const masked = (text: string, folder: string): string =>
  inOrder(withoutProgress(text))
    .replaceAll(folder, "/home/ana")
    .replaceAll(/\b[0-9a-f]{64}\b/g, "SHA256")
    .replaceAll(/SHA256:[\w+/]{43}/g, "FINGERPRINT")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replaceAll(/\d{4}-\d\d-\d\d/g, "DATE")
    .replaceAll(/bytes [\d,]+ to [\d,]+/g, "bytes FROM to TO")
    .replaceAll(/"(total|bytes)":\d+/g, '"$1":BYTES')
    .replaceAll(/ in \d+s\./g, " in SECONDS.")
    .replaceAll(/receipts\/\w+-/g, "receipts/TIME-");

/** What works on several nodes at once tells of them in any order. */
const inOrder = (text: string): string =>
  text.replaceAll(
    /(?:^(?:erase|flash) (?:one|two)\.img.*\n|^\w+: built\n)+/gm,
    (lines) => lines.trimEnd().split("\n").toSorted().join("\n").concat("\n"),
  );

const printedBy = async (
  cwd: string,
  commands: readonly string[],
): Promise<string> => {
  const parts: string[] = [];
  for (const command of commands) {
    const { status, stdout, stderr } = await runCli(command.split(" "), {
      cwd,
      env: {
        SOURCE_DATE_EPOCH: "1790000000",
        http_proxy: PROXY,
        https_proxy: PROXY,
        NO_COLOR: "1",
      },
    });
    parts.push(
      `$ pi-image ${command}`,
      masked(stdout, cwd),
      `exit ${status}, stderr:`,
      masked(stderr, cwd),
    );
  }
  return parts.join("\n");
};

const home = async (): Promise<string> => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, ".ssh"));
  await writeFile(
    join(folder, ".ssh", "id_ed25519.pub"),
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x ana\n",
  );
  return folder;
};

it("each command of the README is run", async () => {
  expect([...(await readmeCommands())].toSorted()).toEqual(
    README.map(([readme]) => readme).toSorted(),
  );
});

it("commands print what they printed", async () => {
  const commands = README.flatMap(([, run]) => run ?? []);
  await expect(
    await printedBy(await home(), [...commands, ...OTHERS]),
  ).toMatchFileSnapshot("golden/printed.txt");
});
