// Decodes the first chunk of the .xz file that it is given, prints its offset, and waits for its end.
import { openXz } from "../../src/image/archive/xz/xz-reader.ts";

const reader = await openXz(process.argv[2] ?? "");
for await (const chunk of reader.chunks()) {
  console.log(chunk.offset);
  await new Promise(() => setInterval(() => undefined, 1000));
}
