// A process of its own that flashes argv[2] to argv[3] and prints an event a line, so that a test can kill it.
import { listDevices } from "../../src/device/list-devices.ts";
import { inspectTarget } from "../../src/device/inspect-target.ts";
import { openTarget } from "../../src/device/open-target.ts";
import { openImage } from "../../src/image/open-image.ts";
import { flashImage } from "../../src/flash/run-flash.ts";
import { writeRanges } from "../../src/flash/segments.ts";

const [, , image = "", path = ""] = process.argv;
const reader = await openImage(image);
const target = await inspectTarget(path, listDevices);
if (target.kind === "unusable" || reader.size === undefined) {
  throw new Error(`cannot flash ${image} to ${path}`);
}
const results = await flashImage({
  reader,
  imageSize: reader.size,
  ranges: writeRanges(undefined, reader.size),
  wipe: false,
  discard: false,
  targets: [
    { target: await openTarget(target, reader.size, listDevices), patch: [] },
  ],
  report: (event) => process.stdout.write(`${event.type}\n`),
});
await reader.close();
process.stdout.write(`${results[0]?.error?.code ?? "proven"}\n`);
