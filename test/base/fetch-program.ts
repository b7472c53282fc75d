// Prints what stands at an address. Arguments: address, environment and headers as JSON.
import { fetchSmall } from "../../src/network/fetch-small.ts";

const [url = "", env = "{}", headers = "{}"] = process.argv.slice(2);
const bytes = await fetchSmall(new URL(url), 1000, {
  env: JSON.parse(env) as NodeJS.ProcessEnv,
  signal: new AbortController().signal,
  userAgent: "test",
  headers: JSON.parse(headers) as Record<string, string>,
});
console.log(bytes.toString());
