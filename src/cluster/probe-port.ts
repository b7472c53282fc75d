// Tries whether a TCP port answers.
import { connect } from "node:net";

export type PortState = "open" | "closed" | "silent";

const TIMEOUT_MS = 2000;

/** "closed": the host is up and refuses the connection; "silent": nothing came back. */
export const probePort = (address: string, port: number): Promise<PortState> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: TIMEOUT_MS });
    const finish = (state: PortState): void => {
      socket.destroy();
      resolve(state);
    };
    socket.on("connect", () => finish("open"));
    socket.on("timeout", () => finish("silent"));
    socket.on("error", (error: NodeJS.ErrnoException) =>
      finish(error.code === "ECONNREFUSED" ? "closed" : "silent"),
    );
  });
