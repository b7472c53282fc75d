// A process of its own that flashes argv[2] to argv[3] and ends with "proven" or an error's code. With argv[4] and [5] it is
// killed at the n-th event of this kind.
import { listDevices } from "../../src/device/helper/device-work.ts";
import { inspectTarget } from "../../src/device/look/inspect-target.ts";
import { openTarget } from "../../src/device/open/open-target.ts";
import { openImage } from "../../src/image/archive/open-image.ts";
import { flashImage } from "../../src/flash/run-flash.ts";
import { writeRanges } from "../../src/flash/segments.ts";

const [, , image = "", path = "", kind = "", count = "0"] = process.argv;
let left = Number(count);
const reader = await openImage(image);
const target = await inspectTarget(path, listDevices);
if (target.kind === "unusable" || reader.size === undefined) {
  throw new Error(`cannot flash ${image} to ${path}`);
}
const results = await flashImage({
  reader,
  ranges: writeRanges(undefined, reader.size),
  wipe: false,
  discard: false,
  targets: [
    { target: await openTarget(target, reader.size, listDevices), patch: [] },
  ],
  report: (event) => {
    left -= event.type === kind ? 1 : 0;
    if (event.type === kind && left === 0) {
      process.kill(process.pid, "SIGKILL");
    }
  },
});
await reader.close();
process.stdout.write(`${results[0]?.error?.code ?? "proven"}\n`);
