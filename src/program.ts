// Declares the commands: their arguments, options, summaries and examples.
import { Argument, Command, Option } from "commander";
import { commandTree } from "./commands/declared-commands.ts";
import {
  allowExecOption,
  allowFixedOption,
  baseOption,
  collect,
  hostOption,
  identityOption,
  insecureOption,
  inventoryOption,
  outOption,
  bundleOption,
  restoreOption,
  parseSize,
  maxSizeOption,
  serialOption,
  sha256Option,
  signedByOption,
  yesOption,
} from "./commands/options.ts";
import type { runApart } from "./terminal/run-apart.ts";
import { type RunCommand, runCommand } from "./terminal/run-command.ts";
import { packageVersion } from "./system/package-files.ts";

const HELP_COLUMNS = 80;

const globalOptions = (command: Command): Command =>
  command
    .option("--json", "print NDJSON records on stdout")
    .option("-q, --quiet", "print nothing but errors")
    .option("--no-color", "print without colours");

/**
 * The command line.
 * @param stop aborted when the running command is to stop
 * @param apart runs a command that touches devices in a process of its own
 */
export const createProgram = (
  stop: AbortController,
  apart: typeof runApart,
): Command => {
  const program = new Command("pi-image");
  const examples = new Map<string, string>();

  /** Declares a command; its code is loaded only when it runs. */
  const declare = (
    name: string,
    summary: string,
    example: string,
    run: RunCommand,
  ): Command => {
    examples.set(name, example);
    return globalOptions(program.command(name))
      .description(summary)
      .addHelpText("after", `\nExample:\n  ${example}`)
      .action(async (...all: unknown[]) => {
        await runCommand(all.at(-1) as Command, stop, run);
      });
  };

  program
    .description(
      "One file describes the cluster: builds, flashes and proves one image per\nRaspberry Pi, so that a kubeadm cluster assembles itself at first boot.",
    )
    .version(packageVersion())
    .configureOutput({
      getOutHelpWidth: () => HELP_COLUMNS,
      getErrHelpWidth: () => HELP_COLUMNS,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      // Usage errors are printed like all others, not by commander.
      outputError: () => undefined,
    })
    .exitOverride()
    .addHelpText(
      "after",
      `
Example:
  pi-image init                           write a commented cluster.yaml
  pi-image build                          an image for every node in out/
  pi-image flash /dev/sdX --host worker2  write one card and read it back`,
    );

  declare(
    "init",
    "Write a commented cluster.yaml.",
    "pi-image init --yes",
    async (context, _args, options) =>
      (await import("./commands/init.ts")).init(context, options),
  )
    .addOption(inventoryOption())
    .option("-y, --yes", "ask nothing, take the defaults")
    .option("--name <cluster>", "name of the cluster")
    .option(
      "--nodes <names>",
      "names of the nodes, control plane first",
      collect,
    )
    .option("--user <name>", "user to log in as")
    .option("--key <file>", "public SSH key of the user")
    .option("--force", "replace an existing file");

  declare(
    "check",
    "Validate inventory, profiles, fragments and seeds; write nothing.",
    "pi-image check",
    async (context, _args, options) =>
      (await import("./commands/check.ts")).check(context, options),
  ).addOption(inventoryOption());

  declare(
    "build",
    "Build the nodes' images.",
    "pi-image build --role worker --host worker2",
    async (context, _args, options) =>
      (await import("./commands/build.ts")).build(context, options),
  )
    .addOption(inventoryOption())
    .addOption(hostOption())
    .option("--role <role>", "only the nodes of this role")
    .addOption(baseOption())
    .addOption(sha256Option())
    .addOption(signedByOption())
    .addOption(
      new Option("--format <format>", "what to write")
        .choices(["img", "img.xz", "img.zst", "patch", "seed"])
        .default("img"),
    )
    .addOption(insecureOption())
    .addOption(outOption())
    .option("--encrypt-to <age>", "encrypt the secrets file with age", collect)
    .addOption(restoreOption())
    .addOption(bundleOption())
    .addOption(allowExecOption())
    .option("--no-keep", "make the secrets and check all; write no images")
    .option(
      "--new-cluster",
      "begin another cluster, although cards were built for one of this name",
    )
    .option("--dry-run", "print the plan and write nothing");

  declare(
    "flash",
    "Write an image to a card and read it back.",
    "pi-image flash /dev/sdX --host worker2",
    (context, args, options) =>
      apart(stop, async () =>
        (await import("./commands/flash/flash.ts")).flash(
          context,
          args,
          options,
        ),
      ),
  )
    .argument("[target]", "block device or regular file")
    .argument(
      "[image]",
      "image file, address, or - for stdin; else the only one in out/",
    )
    .addOption(inventoryOption())
    .addOption(
      new Option(
        "--host <name>",
        "this node; NAME=TARGET, repeated, for several cards at once",
      ).argParser(collect),
    )
    .addOption(baseOption())
    .addOption(sha256Option())
    .addOption(signedByOption())
    .addOption(insecureOption())
    .addOption(outOption())
    .addOption(yesOption())
    .addOption(serialOption())
    .addOption(allowFixedOption())
    .addOption(maxSizeOption())
    .option("--wipe", "also write what no file system uses")
    .option(
      "--patience <time>",
      "give up on a silent card after this time (5m)",
    )
    .option("--eject", "eject the card once it is verified")
    .addOption(restoreOption())
    .addOption(bundleOption())
    .addOption(allowExecOption())
    .option("--dry-run", "print the plan and write nothing");

  declare(
    "release",
    "Make role images that others can check and flash.",
    "pi-image release --url https://example.com/v1/",
    async (context, _args, options) =>
      (await import("./commands/release.ts")).release(context, options),
  )
    .addOption(inventoryOption())
    .option("--role <role>", "only the image of this role")
    .option("--name <name>", "of the release; otherwise the cluster's")
    .addOption(baseOption())
    .addOption(sha256Option())
    .addOption(signedByOption())
    .option("--format <format>", "img.xz, img.zst or both", collect)
    .addOption(
      new Option("-o, --out <folder>", "folder of the results").default(
        "release",
      ),
    )
    .option("--with-bundle", "with the packages and images of the cluster")
    .option("--url <url>", "where the files will be, for Imager's list")
    .option("--icon <url>", "the picture that Imager shows")
    .option("--signing-key <file>", "armored OpenPGP key that signs")
    .option("--not-secret <place>", "accept what was found there", collect)
    .addOption(insecureOption())
    .addOption(allowExecOption())
    .option("--dry-run", "print the plan and write nothing");

  declare(
    "verify",
    "Read a card back against its receipt or an image.",
    "pi-image verify /dev/sdX out/worker2.img",
    (context, args, options) =>
      apart(stop, async () =>
        (await import("./commands/verify.ts")).verify(context, args, options),
      ),
  )
    .argument("<target>", "block device or regular file")
    .argument("[image]", "image file; without one, the target's last receipt")
    .addOption(inventoryOption())
    .addOption(signedByOption())
    .addOption(outOption());

  declare(
    "devices",
    "List block devices, and why each refused one is refused.",
    "pi-image devices",
    (context, _args, options) =>
      apart(stop, async () =>
        (await import("./commands/devices/devices.ts")).devices(
          context,
          options,
        ),
      ),
  )
    .option("-a, --all", "also list empty virtual devices")
    .option(
      "--test <target>",
      "test whether a card has the size that it claims",
    )
    .addOption(yesOption())
    .addOption(serialOption())
    .addOption(allowFixedOption())
    .addOption(maxSizeOption());

  declare(
    "base",
    "List, fetch, verify or update base images; prune their cache.",
    "pi-image base fetch ubuntu-24.04",
    async (context, args, options) =>
      (await import("./commands/base/base.ts")).base(context, args, options),
  )
    .argument("<action>", "list, fetch, verify, update or prune")
    .argument("[base]", "a catalogue name, a file or a URL")
    .addOption(sha256Option())
    .addOption(signedByOption())
    .addOption(insecureOption())
    .option("--mirror <url>", "ask this server first; may be repeated", collect)
    .addOption(inventoryOption())
    .addOption(
      new Option(
        "--max-size <size>",
        "with prune: what may stay in the cache",
      ).argParser(parseSize),
    )
    .option("--all", "with prune: remove everything")
    .option("--dry-run", "with update and prune: show it, change nothing");

  declare(
    "bundle",
    "List, fetch, update, write or push what the cards of a cluster carry.",
    "pi-image bundle fetch",
    async (context, args, options) =>
      (await import("./commands/bundle/bundle.ts")).bundle(
        context,
        // commander gives the words behind the action as one list.
        args.flat().filter((word) => word !== undefined),
        options,
      ),
  )
    .argument("<action>", "list, fetch, update, write, push or prune")
    .argument(
      "[words...]",
      "with write: the file to write; with push: the nodes, all without names",
    )
    .addOption(inventoryOption())
    .addOption(identityOption())
    .option("--base <base>", "with write: of the nodes that have this base")
    .addOption(
      new Option(
        "--max-size <size>",
        "with prune: what may stay in the cache",
      ).argParser(parseSize),
    )
    .option("--all", "with prune: remove everything")
    .option(
      "--dry-run",
      "with update, push and prune: show it, change nothing",
    );

  declare(
    "watch",
    "Show the cluster assembling itself, until every node is Ready.",
    "pi-image watch --timeout 45m",
    async (context, _args, options) =>
      (await import("./commands/watch.ts")).watch(context, options),
  )
    .addOption(inventoryOption())
    .option("--timeout <time>", "give up after this time", "30m")
    .option("--interval <time>", "pause between two looks", "5s")
    .addOption(outOption())
    .addOption(identityOption());

  declare(
    "doctor",
    "Explain a node that does not come up.",
    "pi-image doctor worker2",
    async (context, args, options) =>
      (await import("./commands/doctor.ts")).doctor(context, args, options),
  )
    .argument("<node>", "name of the node")
    .addOption(inventoryOption())
    .addOption(outOption())
    .addOption(identityOption());

  declare(
    "backup",
    "Fetch a snapshot of the cluster's state, to restore a lost control plane from.",
    "pi-image backup",
    async (context, args, options) =>
      (await import("./commands/backup/backup.ts")).backup(
        context,
        args,
        options,
      ),
  )
    .argument("[node]", "the control plane to ask; any without one")
    .addOption(inventoryOption())
    .addOption(identityOption());

  declare(
    "kubeconfig",
    "Write, print or merge the administrator's kubeconfig.",
    "pi-image kubeconfig --merge",
    async (context, _args, options) =>
      (await import("./commands/kubeconfig.ts")).kubeconfig(context, options),
  )
    .addOption(inventoryOption())
    .option(
      "--merge [file]",
      "merge into this file; without one, into kubectl's own",
    )
    .option("--print", "print it on stdout, secrets and all")
    .addOption(outOption())
    .addOption(identityOption());

  declare(
    "secrets",
    "Show the cluster's secrets redacted, renew them, or fetch lost ones from a node.",
    "pi-image secrets status",
    async (context, args, options) =>
      (await import("./commands/secrets/secrets.ts")).secrets(
        context,
        args,
        options,
      ),
  )
    .addArgument(
      new Argument("<action>", "what to do").choices([
        "show",
        "status",
        "rotate",
        "adopt",
      ]),
    )
    .argument("[node]", "with adopt: a control plane that runs")
    .addOption(inventoryOption())
    .addOption(hostOption())
    .addOption(
      new Option(
        "--encrypt-to <recipient>",
        "with rotate and adopt: encrypt the file with age from now on",
      ).argParser(collect),
    )
    .option("--authority", "with rotate: replace the cluster's authorities")
    .option("--dry-run", "with --authority: print the plan, change nothing")
    .option("-y, --yes", "with rotate and adopt: do not ask")
    .addOption(outOption())
    .addOption(identityOption());

  declare(
    "node",
    "Add a node, remove it, or shut a lost one out of the cluster.",
    "pi-image node add worker3 --address 192.168.1.53/24",
    async (context, args, options) =>
      (await import("./commands/node/node.ts")).node(context, args, options),
  )
    .addArgument(
      new Argument("<action>", "what to do").choices([
        "add",
        "remove",
        "revoke",
      ]),
    )
    .argument("<name>", "name of the node")
    .addOption(inventoryOption())
    .option("--role <role>", "with add: what the node does", "worker")
    .option(
      "--address <address>",
      "with add: fixed address; without one, DHCP gives it",
    )
    .option("--force", "with remove: also what would be lost with the node")
    .option("--dry-run", "with remove: print the plan, change nothing")
    .option("-y, --yes", "with remove and revoke: do not ask")
    .addOption(outOption())
    .addOption(identityOption());

  declare(
    "restart",
    "Restart nodes one after the other, without their pods.",
    "pi-image restart worker1",
    async (context, args, options) =>
      (await import("./commands/cluster/restart.ts")).restart(
        context,
        // commander gives the names as one list.
        args.flat().filter((name) => name !== undefined),
        options,
      ),
  )
    .argument("[node...]", "without names: those that want a restart")
    .addOption(inventoryOption())
    .option("--all", "every node")
    .option("--force", "delete pods that cannot be evicted")
    .option(
      "--patience <time>",
      "give up on a node that does not come back in this time",
      "15m",
    )
    .option("--dry-run", "print the plan, change nothing")
    .option("-y, --yes", "do not ask")
    .addOption(identityOption());

  declare(
    "renumber",
    "Give a running cluster the addresses of another network.",
    "pi-image renumber new.yaml",
    async (context, [file = ""], options) =>
      (await import("./commands/cluster/renumber.ts")).renumber(
        context,
        file,
        options,
      ),
  )
    .argument(
      "<inventory>",
      "a copy of the inventory with the new addresses; it takes the old one's place",
    )
    .addOption(inventoryOption())
    .option("--restart", "restart the nodes instead of switching them off")
    .option("--force", "go on without nodes that do not answer")
    .option("--dry-run", "print the plan, change nothing")
    .option("-y, --yes", "do not ask")
    .addOption(outOption())
    .addOption(identityOption());

  declare(
    "upgrade",
    "Upgrade Kubernetes on a running cluster, one node after the other.",
    "pi-image upgrade --to 1.37",
    async (context, _args, options) =>
      (await import("./commands/cluster/upgrade.ts")).upgrade(context, options),
  )
    .addOption(inventoryOption())
    .option(
      "--to <version>",
      "a minor or a patch; without it, what the inventory says",
    )
    .option("--force", "delete pods that cannot be evicted")
    .option(
      "--patience <time>",
      "give up on a node that is not Ready again in this time",
      "15m",
    )
    .option("--dry-run", "print the plan, change nothing")
    .option("-y, --yes", "do not ask")
    .addOption(identityOption());

  declare(
    "completion",
    "Print the completion for a shell.",
    "pi-image completion bash >>~/.bashrc",
    async (_context, [shell = ""]) =>
      (await import("./commands/manual.ts")).completion(
        commandTree(program, examples),
        shell,
      ),
  ).addArgument(
    new Argument("<shell>", "which shell").choices(["bash", "zsh", "fish"]),
  );

  declare(
    "manual",
    "Print the manual page, for man.",
    "pi-image manual | man -l -",
    async () =>
      (await import("./commands/manual.ts")).manual(
        commandTree(program, examples),
      ),
  );

  program
    .command("complete", { hidden: true })
    .argument("[words...]")
    .action(async (words: readonly string[], _, command: Command) => {
      await runCommand(command, stop, async (context) =>
        (await import("./commands/complete.ts")).complete(
          commandTree(program, examples),
          context,
          words,
        ),
      );
    });
  return program;
};
