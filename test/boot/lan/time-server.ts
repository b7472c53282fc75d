// Answers SNTP with the clock of this machine, or ahead of it by the seconds that a file says. https://www.rfc-editor.org/rfc/rfc4330
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";

const PORT = 123;
const SECONDS_FROM_1900_TO_1970 = 2_208_988_800;

const [file] = process.argv.slice(2);

const ahead = (): number =>
  file === undefined ? 0 : Number(readFileSync(file, "utf8"));

const writeTime = (packet: Buffer, offset: number): void => {
  const now = Date.now() + ahead() * 1000;
  packet.writeUInt32BE(
    Math.floor(now / 1000) + SECONDS_FROM_1900_TO_1970,
    offset,
  );
  packet.writeUInt32BE(Math.floor(((now % 1000) / 1000) * 2 ** 32), offset + 4);
};

const socket = createSocket("udp4");
socket.on("message", (request, sender) => {
  if (request.length < 48) {
    return;
  }
  const answer = Buffer.alloc(48);
  // No leap second, version 4, server; stratum 1, as if a radio clock were here.
  answer.writeUInt8(0x24, 0);
  answer.writeUInt8(1, 1);
  answer.writeUInt8(6, 2);
  answer.writeInt8(-20, 3);
  answer.write("LOCL", 12, "ascii");
  request.copy(answer, 24, 40, 48);
  for (const offset of [16, 32, 40]) {
    writeTime(answer, offset);
  }
  socket.send(answer, sender.port, sender.address);
});
socket.bind(PORT);
