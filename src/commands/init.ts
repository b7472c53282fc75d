// pi-image init: writes a commented cluster.yaml.
import { z } from "zod";
import type { InitAnswers } from "../inventory/init-template.ts";
import { initTemplate } from "../inventory/init-template.ts";
import { loadInitAnswers } from "../inventory/load/load-init-answers.ts";
import { parseInventory } from "../inventory/parse-inventory.ts";
import { UserError } from "../report/user-error.ts";
import {
  demandReplaceable,
  writeFileAtomically,
} from "../system/atomic-file.ts";
import { realFile } from "../system/real-file.ts";
import type { Context } from "../terminal/context.ts";
import { ignoreFromTheStart } from "../project/keep-out-of-git.ts";
import { demandNoErrors } from "../project/opened-project.ts";

const initOptions = z.object({
  inventory: z.string(),
  yes: z.boolean().optional(),
  force: z.boolean().optional(),
  name: z.string().optional(),
  nodes: z.array(z.string()).optional(),
  user: z.string().optional(),
  key: z.string().optional(),
});

type InitOptions = z.infer<typeof initOptions>;

/** The first name is the control plane, as in the help. */
const withRoles = (names: readonly string[]): InitAnswers["nodes"] =>
  names.map((name, index) => ({
    name,
    role: index === 0 ? "control-plane" : "worker",
  }));

const withFlags = (
  defaults: InitAnswers,
  options: InitOptions,
): InitAnswers => ({
  ...defaults,
  clusterName: options.name ?? defaults.clusterName,
  nodes:
    options.nodes === undefined ? defaults.nodes : withRoles(options.nodes),
  user: {
    name: options.user ?? defaults.user.name,
    sshKeys:
      options.key === undefined
        ? defaults.user.sshKeys
        : [`file:${options.key}`],
  },
});

const askFor = async (
  context: Context,
  answers: InitAnswers,
): Promise<InitAnswers> => {
  const ask = (message: string, fallback: string): Promise<string> =>
    context.ask({ message, fallback });
  const clusterName = await ask("Name of the cluster?", answers.clusterName);
  const names = await ask(
    "Names of the nodes, control plane first?",
    answers.nodes.map(({ name }) => name).join(" "),
  );
  const user = await ask("User to log in as?", answers.user.name);
  const key = await ask(
    "File of the public SSH key, or none?",
    answers.user.sshKeys[0]?.replace(/^file:/, "") ?? "none",
  );
  const ssid = await ask("Wi-Fi network, or none for cables?", "none");
  const wifi =
    ssid === "none"
      ? undefined
      : {
          ssid,
          country: await ask("Country of the Wi-Fi, two letters?", "US"),
          password: "env:WIFI_PASSWORD",
        };
  return {
    ...answers,
    clusterName,
    nodes: withRoles(names.split(/[\s,]+/).filter((name) => name !== "")),
    user: { name: user, sshKeys: key === "none" ? [] : [`file:${key}`] },
    wifi,
  };
};

export const init = async (
  context: Context,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = initOptions.parse(given);
  const path = options.inventory;
  const file = await realFile(path);
  const exists = await demandReplaceable(file);
  if (options.force !== true && exists) {
    throw new UserError("INVENTORY_EXISTS", `${path} exists already`, {
      state: "it is unchanged",
      hint: "add --force to replace it, or name another file with --inventory",
    });
  }
  if (options.yes !== true && !context.interactive) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "there is no terminal to ask questions on",
      {
        state: "nothing was written",
        hint: "add --yes to take the defaults",
      },
    );
  }
  const defaults = withFlags(await loadInitAnswers(), options);
  const answers =
    options.yes === true ? defaults : await askFor(context, defaults);
  const text = initTemplate(answers);
  // Flags and answers may be wrong, and an inventory that would not load is not written.
  const { problems, shown } = parseInventory(path, text);
  demandNoErrors(context, problems, new Map([[path, shown]]));
  await writeFileAtomically(file, text);
  await ignoreFromTheStart(context, path);
  context.printJson({ type: "result", inventory: path });
  context.print(
    `Wrote ${path}. Look it over, then: pi-image check, pi-image build.`,
  );
};
