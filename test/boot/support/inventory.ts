// The inventory of the tests: one control plane and one worker on the tests' network.
import { ROUTER } from "../lan/lan.ts";
import { USER } from "./project.ts";

export const CONTROL_PLANE = "cplane";
export const WORKER = "worker1";
export const ADDRESSES = {
  [CONTROL_PLANE]: "10.77.0.10",
  [WORKER]: "10.77.0.11",
} as const;

type Choices = {
  readonly endpoint?: string;
  /** False: DHCP gives the addresses. */
  readonly fixed?: boolean;
  readonly defaults?: readonly string[];
  /** Lines below `cluster:`. */
  readonly cluster?: readonly string[];
};

const nodeLines = (
  name: keyof typeof ADDRESSES,
  role: string,
  fixed: boolean,
) =>
  [
    `  - name: ${name}`,
    `    role: ${role}`,
    ...(fixed
      ? [
          `    address: ${ADDRESSES[name]}/24`,
          `    gateway: ${ROUTER}`,
          `    nameservers: [${ROUTER}]`,
        ]
      : []),
  ].join("\n");

/** Both nodes have the same addresses in every test, fixed or by DHCP. */
export const twoNodes = ({
  endpoint = CONTROL_PLANE,
  fixed = true,
  defaults = [],
  cluster = [],
}: Choices = {}): string => `cluster:
  name: desk
  kubernetes: "1.36"
  endpoint: ${endpoint}
${cluster.map((line) => `  ${line}\n`).join("")}defaults:
  board: pi5
  timezone: Europe/Madrid
  users:
    - name: ${USER}
      sshKeys: ["\${key}"]
${defaults.map((line) => `  ${line}\n`).join("")}nodes:
${nodeLines(CONTROL_PLANE, "control-plane", fixed)}
${nodeLines(WORKER, "worker", fixed)}
`;
