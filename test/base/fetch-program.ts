// Prints what stands at an address. Arguments: address, environment as JSON.
import { fetchSmall } from "../../src/network/fetch-small.ts";

const [url = "", env = "{}"] = process.argv.slice(2);
const bytes = await fetchSmall(new URL(url), 1000, {
  env: JSON.parse(env) as NodeJS.ProcessEnv,
  signal: new AbortController().signal,
  userAgent: "test",
});
console.log(bytes.toString());
