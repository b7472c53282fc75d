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

/** Ends when the program proper ends, with the same exit status or signal. */
export const helpWithDevices = async (): Promise<void> => {
  let stopped = false;
  let tell: (() => void) | undefined;
  const stop = (): void => {
    stopped = true;
    tell?.();
  };
  // Signals from the terminal are for the program; this process must stay until the program has cleaned up.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, stop);
  }
  // Whether the run outlives its terminal is not decided here, but in the process that talks to the user.
  process.on("SIGHUP", () => undefined);
  process.on("message", (message) => {
    if (message === STOP) {
      stop();
    }
  });
  // The process that talks to the user has gone.
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
  // The parent gets the worker's id, because a helper that hangs cannot tell the worker that the run is over.
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
  // The program has its own descriptors, and the lock and the claim of a device last until those are closed.
  await Promise.all(handles.map((handle) => handle.close()));
};
