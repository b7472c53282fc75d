// Packages as a bundle has them, with the fakes of other tests in place of programs.
import type { Deb } from "./make-bundle.ts";

/** Its programs are the fakes that other tests have from the beginning. */
const brings = (name: string, version: string, ...tools: string[]): Deb => ({
  name,
  version,
  programs: Object.fromEntries(
    tools.map((tool) => [
      `bin/${tool}`,
      `#!/bin/sh\nexec "$FAKES/installable/${tool}" "$@"\n`,
    ]),
  ),
});

export const DEBS: readonly Deb[] = [
  { ...brings("kubelet", "1.36.5-1.1", "kubelet"), depends: "kubernetes-cni" },
  brings("kubeadm", "1.36.5-1.1", "kubeadm"),
  brings("kubectl", "1.36.5-1.1", "kubectl"),
  brings("cri-tools", "1.36.0-1.1", "crictl"),
  {
    name: "kubernetes-cni",
    version: "1.8.0-1.1",
    programs: { "opt/cni/bin/loopback": "#!/bin/sh\n" },
  },
  {
    ...brings("containerd", "2.2.1-0ubuntu1~24.04.3", "containerd"),
    depends: "runc (>= 1.2)",
  },
  brings("runc", "1.4.0-0ubuntu1", "runc"),
  // Its file's name has no epoch.
  brings("conntrack", "1:1.4.8-1ubuntu1", "conntrack"),
  brings("socat", "1.8.0.0-4build3", "socat"),
  brings("ethtool", "1:6.7-1build1", "ethtool"),
  brings("iptables", "1.8.10-3ubuntu2", "iptables"),
  brings("htop", "3.3.0-4build1", "htop"),
  { ...brings("gimp", "2.10.36", "gimp"), installed: 2 ** 42 },
];
