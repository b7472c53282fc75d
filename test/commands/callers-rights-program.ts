// Prints which user runs the programs that pi-image starts under sudo and its like, for sudo.test.ts.
import { asRoot, dropToCaller } from "../../src/system/privileges.ts";
import { tryTool } from "../../src/system/run-tool.ts";
import { askId } from "../../src/system/start-program.ts";

dropToCaller(process.env, askId);
const ids = ["-c", "id -u; id -ru; grep NoNewPrivs /proc/self/status"];
const caller = await tryTool("sh", ids);
const meanwhile = await asRoot(() => tryTool("sh", ids));
const root = await tryTool("id", ["-u"], { asRoot: true });
const missing = await tryTool("no-such-tool", []).catch(
  (error: { readonly code: unknown }) => error.code,
);
console.log(
  JSON.stringify([
    caller.stdout,
    meanwhile.stdout,
    root.stdout,
    process.geteuid?.(),
    missing,
  ]),
);
