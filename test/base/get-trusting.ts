// Fetches from a server whose certificate only the test vouches for.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { inject } from "vitest";

/**
 * What is there, as text; in a process of its own, because Node reads NODE_EXTRA_CA_CERTS when it starts.
 *
 * @param cert path of a file with one or more certificates
 */
export const getTrusting = (
  url: string,
  cert: string,
  env: NodeJS.ProcessEnv,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const child = spawn(
    process.execPath,
    [
      join(inject("programs"), "fetch-program.js"),
      url,
      JSON.stringify(env),
      JSON.stringify(headers),
    ],
    {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: cert },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  return new Promise((resolve) => {
    let text = "";
    child.stdout.on("data", (bytes: Buffer) => {
      text += bytes.toString();
    });
    child.stderr.on("data", (bytes: Buffer) => {
      text += bytes.toString();
    });
    child.on("close", () => resolve(text.trim()));
  });
};
