// Prints which user pi-image and the programs that it starts are under sudo and its like, for sudo.test.ts.
import { actFor, becomeCaller } from "../../src/system/run/privileges.ts";
import { tryTool } from "../../src/system/run/run-tool.ts";
import { askId } from "../../src/system/run/start-program.ts";

const outcome = (step: () => void): unknown => {
  try {
    step();
    return "done";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
};

actFor(process.env, askId);
const ids = ["-c", "id -u; id -ru; id -g; grep NoNewPrivs /proc/self/status"];
const caller = await tryTool("sh", ids);
const root = await tryTool("id", ["-u"], { asRoot: true });
const environment = await tryTool("env", [], { asRoot: true });
const missing = await tryTool("no-such-tool", []).catch(
  (error: { readonly code: unknown }) => error.code,
);
becomeCaller(process.env);
const back = [
  () => process.seteuid?.(0),
  () => process.setuid?.(0),
  () => process.setegid?.(0),
  () => process.setgroups?.([0]),
].map(outcome);
const later = await tryTool("id", ["-u"], { asRoot: true });
console.log(
  JSON.stringify({
    caller: caller.stdout,
    root: root.stdout,
    environment: environment.stdout.match(/^\w+/gm)?.toSorted(),
    missing,
    back,
    later: later.stdout,
  }),
);
