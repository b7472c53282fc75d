// What sudo itself starts: it has the program run as the person behind sudo, becomes that person too, and only waits.
import { argv, env, pid } from "node:process";
import { becomeCaller, callersEnvironment } from "../system/privileges.ts";
import { HELPER_OF } from "./device-helper.ts";
import { apartEnvironment, startAgain, watchApart } from "./run-apart.ts";
import { endOnSignals, runNamed } from "./run-command.ts";
import { commandOf, DEVICE_COMMANDS } from "./wanted-devices.ts";

/** Sets the exit status. */
export const startAsCaller = async (): Promise<void> => {
  const words = argv.slice(2);
  const name = commandOf(words);
  const has = (...spellings: readonly string[]): boolean =>
    words.some((word) => spellings.includes(word.replace(/=.*/, "")));
  const stop = new AbortController();
  endOnSignals(stop, () => process.exit());
  const child = startAgain(
    DEVICE_COMMANDS[name] === undefined
      ? { env: apartEnvironment(callersEnvironment(env)) }
      : { env: { ...env, [HELPER_OF]: String(pid) }, asRoot: true },
  );
  becomeCaller(env);
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
      process.exitCode = await watchApart(child, stop);
    },
  );
};
