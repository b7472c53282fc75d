// Reads the certificate that an API server shows, without trusting it: to explain why it is not trusted.
import type { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import type { ApiServer } from "./reach-api-server.ts";

const TIMEOUT_MS = 3000;

/** The server's certificate; undefined when it shows none. Nothing secret is sent. */
export const readServerCertificate = ({
  address,
  port,
  name,
}: ApiServer): Promise<X509Certificate | undefined> =>
  new Promise((resolve) => {
    const socket = connect({
      host: address,
      port,
      servername: name,
      // What it says is only shown, never believed.
      rejectUnauthorized: false,
      timeout: TIMEOUT_MS,
    });
    const finish = (certificate: X509Certificate | undefined): void => {
      socket.destroy();
      resolve(certificate);
    };
    socket.on("secureConnect", () => finish(socket.getPeerX509Certificate()));
    socket.on("timeout", () => finish(undefined));
    socket.on("error", () => finish(undefined));
  });
