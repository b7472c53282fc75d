// The first module that runs: from now on a signal waits until the program can say what it stopped.
import process from "node:process";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // Node tells its listeners after all modules have run, so that those of the commands are told as well.
  process.on(signal, () => undefined);
}
