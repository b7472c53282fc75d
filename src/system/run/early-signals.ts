// The first module that runs: from now on a signal waits until the program can say what it stopped.
import process from "node:process";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // Node calls its listeners only after all modules have run, so those that the commands add by then are called as well.
  process.on(signal, () => undefined);
}
