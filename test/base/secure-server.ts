// A server over TLS, whose certificate is trusted by whoever is given it.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { testFolder } from "./base-options.ts";
import type { Handler } from "./http-server.ts";

/** Node reads NODE_EXTRA_CA_CERTS, the path `cert`, when it starts. */
export const startSecure = async (answer: Handler) => {
  const folder = testFolder();
  const [key, cert] = [join(folder, "key"), join(folder, "cert")];
  const options =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost";
  const made = spawnSync("openssl", [
    ...options.split(" "),
    "-keyout",
    key,
    "-out",
    cert,
  ]);
  expect(made.status).toBe(0);
  const server = createServer(
    { key: readFileSync(key), cert: readFileSync(cert) },
    answer,
  );
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { address: `https://localhost:${port}/`, cert };
};
