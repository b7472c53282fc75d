// Whether a TCP port answers when it is asked from a network of the tests.
import type { Lan } from "./lan.ts";

const SECONDS = 3;

/** Prints how it ended; a packet filter that drops lets the time run out. */
const SCRIPT = `
const [host, port] = process.argv.slice(1);
const socket = require("node:net").connect({ host, port: Number(port) });
const tell = (word) => { console.log(word); process.exit(); };
socket.once("connect", () => tell("open"));
socket.once("error", () => tell("refused"));
setTimeout(() => tell("silent"), ${SECONDS * 1000});
`;

export const tryPort = async (
  lan: Lan,
  host: string,
  port: number,
): Promise<string> =>
  (
    await lan.run(process.execPath, "-e", SCRIPT, host, String(port))
  ).stdout.trim();
