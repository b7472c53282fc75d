// The process that sudo itself starts: it starts the program as the user who called sudo, becomes that user too, and waits.
import { argv, env } from "node:process";
import { demandDescriptors } from "../../system/run/named-descriptors.ts";
import {
  becomeCaller,
  callersEnvironment,
} from "../../system/run/privileges.ts";
import { helpersEnvironment } from "./helper-mark.ts";
import {
  apartEnvironment,
  startAgain,
  watchApart,
} from "../../terminal/run-apart.ts";
import {
  endOnSignals,
  leaveTerminal,
  runNamed,
} from "../../terminal/run-command.ts";
import { commandOf, DEVICE_COMMANDS } from "./wanted-devices.ts";

const start = (onDevices: boolean) => {
  try {
    demandDescriptors(argv);
    const { child } = startAgain(
      onDevices
        ? { env: helpersEnvironment(env), asRoot: true }
        : { env: apartEnvironment(callersEnvironment(env)) },
    );
    return child;
  } finally {
    becomeCaller(env);
  }
};

/** Sets the exit status. */
export const startAsCaller = async (): Promise<void> => {
  const words = argv.slice(2);
  const name = commandOf(words);
  const has = (...spellings: readonly string[]): boolean =>
    words.some((word) => spellings.includes(word.replace(/=.*/, "")));
  const stop = new AbortController();
  endOnSignals(stop, () => process.exit());
  process.on("exit", leaveTerminal);
  const onDevices = DEVICE_COMMANDS[name] !== undefined;
  await runNamed(
    {
      name,
      options: {
        json: has("--json"),
        quiet: has("-q", "--quiet"),
        color: !has("--no-color"),
      },
      putsBack: name === "devices" && has("--test"),
    },
    stop,
    async () => {
      const child = start(onDevices);
      process.exitCode = await (onDevices
        ? watchApart(child, stop)
        : watchApart(child, stop, "what was finished is kept"));
    },
  );
};
