// What the inventory asks of a node's system, as the real programs read it.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { resolveHost } from "../../src/inventory/resolve-host.ts";
import type { Problem } from "../../src/report/problem.ts";
import { checkHostSettings } from "../../src/seed/host-files.ts";
import { withoutProxy } from "../../src/seed/proxy-files.ts";
import { describeWithTools } from "../support/tools.ts";
import { texts } from "./golden-seeds.ts";
import { judge } from "./judge.ts";
import { judgedFiles } from "./judged-files.ts";
import {
  controlPlane,
  gatewayProject,
  sampleNode,
  sampleProject,
} from "./sample-project.ts";

const { file, folder } = judgedFiles();

describe("what is reached without the proxy", () => {
  it("is the nodes, their network, pods, services and the endpoint", () => {
    const project = { ...sampleProject, nodes: [controlPlane] };
    expect(withoutProxy(project, controlPlane)).toEqual([
      "localhost",
      "127.0.0.1",
      "::1",
      ".local",
      ".svc",
      ".cluster.local",
      "cplane",
      "192.168.1.50",
      "192.168.1.0/24",
      "10.244.0.0/16",
      "10.96.0.0/12",
    ]);
  });

  it("is every private network where DHCP gives an address", () => {
    expect(withoutProxy(sampleProject, sampleNode).slice(-3)).toEqual([
      "10.0.0.0/8",
      "172.16.0.0/12",
      "192.168.0.0/16",
    ]);
  });

  it("has both families in dual stack", () => {
    const cluster = {
      ...sampleProject.cluster,
      podSubnet: "10.244.0.0/16,fd00:10:244::/56",
      serviceSubnet: "10.96.0.0/12,fd00:10:96::/112",
    };
    expect(
      withoutProxy({ ...sampleProject, cluster }, sampleNode).slice(-8),
    ).toEqual([
      "10.244.0.0/16",
      "fd00:10:244::/56",
      "10.96.0.0/12",
      "fd00:10:96::/112",
      "10.0.0.0/8",
      "172.16.0.0/12",
      "192.168.0.0/16",
      "fc00::/7",
    ]);
  });

  it("is also what lies behind a gateway, and what the inventory adds", () => {
    const host = resolveHost(
      { proxy: { http: "http://p:1", noProxy: [".lan"] } },
      {},
    );
    const without = withoutProxy(gatewayProject(), { ...sampleNode, host });
    expect(without).toEqual(
      expect.arrayContaining([
        "10.0.0.2",
        "10.0.0.0/24",
        ".homelab.home.arpa",
        ".lan",
      ]),
    );
  });
});

describe("lists and mappings of a node", () => {
  it("take the place of those in defaults, and are added to them", () => {
    const defaults = {
      packages: ["htop"],
      labels: { a: "1", b: "2" },
      taints: ["x:NoExecute"],
    };
    const own = { packages: [], labels: { b: "3" } };
    expect(resolveHost(own, defaults)).toMatchObject({
      packages: [],
      labels: { a: "1", b: "3" },
      taints: [{ key: "x", value: "", effect: "NoExecute" }],
    });
    // In defaults they are for workers: a control plane would lose its own taint.
    expect(
      resolveHost({ ...own, role: "control-plane" }, defaults).taints,
    ).toBeUndefined();
  });
});

describe("security updates", () => {
  it("are refused where a system has none", () => {
    const problems: Problem[] = [];
    const node = (base: string) => ({
      ...sampleNode,
      base,
      host: resolveHost({ updates: "security" }, {}),
    });
    checkHostSettings(node("raspios-trixie"), (found) => problems.push(found));
    expect(problems).toEqual([]);
    checkHostSettings(node("archlinuxarm"), (found) => problems.push(found));
    expect(problems).toMatchObject([
      {
        code: "SETTING_UNSUPPORTED",
        message:
          "worker1 is made from Arch Linux ARM, which has no security updates apart from updates of everything",
      },
    ]);
  });
});

describeWithTools(["apt-config"], "apt", () => {
  const dump = (text: string) =>
    judge("apt-config", ["-c", file("apt.conf", text), "dump"]);

  it("takes the proxy, and what is reached without it", () => {
    const written = texts("/etc/apt/apt.conf.d/95-pi-image-proxy");
    expect(written.length).toBeGreaterThan(0);
    for (const text of written) {
      const { status, output } = dump(text);
      expect(status).toBe(0);
      for (const scheme of ["http", "https"]) {
        expect(output).toContain(
          `Acquire::${scheme}::Proxy "http://proxy.home.arpa:3128";`,
        );
        expect(output).toContain(
          `Acquire::${scheme}::Proxy::192.168.1.50 "DIRECT";`,
        );
      }
    }
  });

  it("takes both kinds of updates", () => {
    const written = texts("/etc/apt/apt.conf.d/95-pi-image-updates");
    const set = written.map(
      (text) =>
        /APT::Periodic::Unattended-Upgrade "(\d)"/.exec(dump(text).output)?.[1],
    );
    expect(new Set(set)).toEqual(new Set(["0", "1"]));
  });

  it("would refuse what it cannot read", () => {
    expect(dump('Acquire { http "x" \n').status).not.toBe(0);
  });
});

describeWithTools(["systemd-analyze"], "systemd", () => {
  /** What systemd says of a unit with this drop-in. */
  const verify = (dropIn: string): string => {
    file(
      "units/kubelet.service",
      "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    );
    file("units/kubelet.service.d/pi-image.conf", dropIn);
    return judge("systemd-analyze", [
      "verify",
      "--man=no",
      join(folder, "units/kubelet.service"),
    ]).output;
  };

  it.each([
    "/etc/systemd/system/kubelet.service.d/pi-image-proxy.conf",
    "/etc/systemd/system/rsyslog.service.d/pi-image.conf",
  ])("takes %s", (path) => {
    expect(texts(path).length).toBe(1);
    for (const text of texts(path)) {
      expect(verify(text)).not.toContain("pi-image.conf");
    }
  });

  it("would name a key that it does not know", () => {
    expect(verify("[Service]\nEnvironmentFil=/x\n")).toContain("pi-image.conf");
  });
});

describeWithTools(["sh"], "a shell", () => {
  it("exports the proxy to what it starts", () => {
    for (const text of texts("/etc/profile.d/pi-image-proxy.sh")) {
      const { output } = judge("sh", [
        "-c",
        `. ${file("proxy.sh", text)}; env`,
      ]);
      expect(output).toContain("\nhttps_proxy=http://proxy.home.arpa:3128\n");
      expect(output).toMatch(/\nNO_PROXY=localhost,127\.0\.0\.1,/);
    }
  });
});

describeWithTools(["visudo"], "sudo", () => {
  it("takes the names of the variables that it keeps", () => {
    const [text = ""] = texts("/etc/sudoers.d/pi-image-proxy");
    const check = (name: string, rules: string) =>
      judge("visudo", ["--check", "--file", file(name, rules)]).status;
    expect(check("sudoers", text)).toBe(0);
    expect(check("wrong", text.replace("Defaults", "Default"))).not.toBe(0);
  });
});
