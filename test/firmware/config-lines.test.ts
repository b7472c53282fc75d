import { describe, expect, it } from "vitest";
import {
  lineMistake,
  mergeSections,
  settingsOf,
} from "../../src/firmware/config-lines.ts";

describe("a line of config.txt", () => {
  it("sets one thing for each parameter, whatever name it has", () => {
    expect(settingsOf("dtparam=audio=off,nvme")).toEqual([
      { identity: "dtparam=audio", value: "off", line: "dtparam=audio=off" },
      { identity: "dtparam=pciex1", value: "on", line: "dtparam=nvme" },
    ]);
    expect(settingsOf("usb_max_current_enable=1")).toEqual([
      {
        identity: "usb_max_current_enable",
        value: "1",
        line: "usb_max_current_enable=1",
      },
    ]);
  });

  it.each([
    "dtparam=i2c_arm=on",
    "dtoverlay=dwc2,dr_mode=host",
    "hdmi_mode:1=4",
    "gpu_mem=16",
  ])("may be %j", (line) => {
    expect(lineMistake(line)).toBeUndefined();
  });

  it.each(["", "a", "a =1", " a=1", "a=1 ", "=1", "os_prefix=new/", "a=é"])(
    "may not be %j",
    (line) => {
      expect(lineMistake(line)).toBeDefined();
    },
  );
});

describe("sections", () => {
  it("become one each, with the last value of each setting", () => {
    expect(
      mergeSections([
        { section: "pi5", lines: ["dtparam=pciex1", "arm_boost=1"] },
        { section: "all", lines: ["dtparam=audio=off,spi=on"] },
        { section: "pi5", lines: ["dtparam=nvme=off"] },
        { section: "pi4", lines: [] },
      ]),
    ).toEqual([
      { section: "all", lines: ["dtparam=audio=off", "dtparam=spi=on"] },
      { section: "pi5", lines: ["arm_boost=1", "dtparam=nvme=off"] },
    ]);
  });

  it("keep each overlay with its own parameters, and each pin with its own state", () => {
    const lines = [
      "dtoverlay=w1-gpio",
      "dtparam=gpiopin=4",
      "dtoverlay=w1-gpio",
      "gpu_mem=16",
      "dtparam=gpiopin=17,pullup=1",
      "gpio=5=op,dh",
      "gpio=6=ip",
      "gpio=5=ip",
    ];
    expect(mergeSections([{ section: "all", lines }])).toEqual([
      {
        section: "all",
        lines: [
          "dtoverlay=w1-gpio",
          "dtparam=gpiopin=4",
          "dtoverlay=w1-gpio",
          "dtparam=gpiopin=17",
          "dtparam=pullup=1",
          "gpu_mem=16",
          "gpio=6=ip",
          "gpio=5=ip",
        ],
      },
    ]);
  });
});
