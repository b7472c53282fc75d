// The one process that stays root under sudo, for commands that work on devices. It opens what the command line names, starts
// the program proper as the caller with the descriptors, and does for it what only root may do on these devices.
import { argv, env, pid } from "node:process";
import { HELPED_BY } from "../../device/helper/ask-helper.ts";
import { openWanted } from "../../device/helper/give-devices.ts";
import { workServer } from "../../device/helper/serve-work.ts";
import { callersEnvironment } from "../../system/run/privileges.ts";
import {
  apartEnvironment,
  startAgain,
  STOP,
} from "../../terminal/run-apart.ts";
import { wantedDevices } from "./wanted-devices.ts";

/** Ends with the program proper, in the same way. */
export const helpWithDevices = async (): Promise<void> => {
  let stopped = false;
  let tell: (() => void) | undefined;
  const stop = (): void => {
    stopped = true;
    tell?.();
  };
  // The terminal's signals are for the program; this process has to be there until that has cleaned up.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, stop);
  }
  // Whether the run outlives its terminal is decided where the user sees it.
  process.on("SIGHUP", () => undefined);
  process.on("message", (message) => {
    if (message === STOP) {
      stop();
    }
  });
  // Whoever the user sees is gone.
  process.on("disconnect", () => process.exit());

  const devices = await openWanted(wantedDevices(argv.slice(2)));
  const handles = devices.flatMap(({ opened }) =>
    "handle" in opened ? [opened.handle] : [],
  );
  const { child: worker, firstDevice } = startAgain({
    env: {
      ...apartEnvironment(callersEnvironment(env)),
      [HELPED_BY]: String(pid),
    },
    devices: handles.map(({ fd }) => fd),
  });
  // A helper that hangs cannot pass on that the run is over.
  process.send?.({ worker: worker.pid });
  const send = (message: unknown): void => {
    if (worker.connected) {
      worker.send(message as string);
    }
  };
  const server = workServer(devices, firstDevice, send);
  process.on("exit", () => {
    server.stop();
    worker.kill("SIGKILL");
  });
  worker.on("message", (message) => {
    if (!server.take(message) && process.connected) {
      process.send?.(message);
    }
  });
  worker.on("exit", (code, signal) => {
    if (signal === null) {
      process.exit(code ?? undefined);
    }
    process.removeAllListeners(signal);
    process.kill(pid, signal);
  });
  worker.on("error", (error) => {
    throw error;
  });
  tell = () => send(STOP);
  if (stopped) {
    tell();
  }
  // The lock and the claim of a device end with the program's own descriptors.
  await Promise.all(handles.map((handle) => handle.close()));
};
