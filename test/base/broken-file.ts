// A file that a server gives only in pieces.
import { createHash } from "node:crypto";
import { type Handler, serveFile } from "./http-server.ts";

export const data = Buffer.from(
  Array.from({ length: 300_000 }, (_, at) => (at * 7 + (at >> 9)) & 0xff),
);
export const sha256 = createHash("sha256").update(data).digest("hex");

/** Breaks the connection after some bytes, the first `times` times. */
export const breaking = (times: number, after: number): Handler => {
  let count = 0;
  return (request, response) => {
    count += 1;
    if (count > times) {
      serveFile(data)(request, response);
      return;
    }
    const end = response.end.bind(response);
    response.end = (body?: unknown) => {
      response.write((body as Buffer).subarray(0, after), () => {
        response.destroy();
      });
      return response;
    };
    serveFile(data)(request, response);
    response.end = end;
  };
};
