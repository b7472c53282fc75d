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
  readonly cluster?: readonly string[];
  readonly defaults?: readonly string[];
};

/** Both nodes have fixed addresses; the lines given come on top. */
export const twoNodes = ({ cluster = [], defaults = [] }: Choices = {}) =>
  `cluster:
  name: desk
  kubernetes: "1.36"
  endpoint: ${CONTROL_PLANE}
${cluster.map((line) => `  ${line}\n`).join("")}defaults:
  board: pi5
  timezone: Europe/Madrid
  users:
    - name: ${USER}
      sshKeys: ["\${key}"]
${defaults.map((line) => `  ${line}\n`).join("")}nodes:
  - name: ${CONTROL_PLANE}
    role: control-plane
    address: ${ADDRESSES[CONTROL_PLANE]}/24
    gateway: ${ROUTER}
    nameservers: [${ROUTER}]
  - name: ${WORKER}
    role: worker
    address: ${ADDRESSES[WORKER]}/24
    gateway: ${ROUTER}
    nameservers: [${ROUTER}]
`;
