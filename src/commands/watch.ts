// pi-image watch: shows the cluster assembling itself, until every node is Ready.
import { join } from "node:path";
import pc from "picocolors";
import { z } from "zod";
import { demandAdminCertificate } from "../cluster/admin-certificate.ts";
import type { ClusterView, NodeView } from "../cluster/observe.ts";
import {
  type Line,
  renderNodeLine,
  renderView,
} from "../cluster/render-view.ts";
import { withSshAccess } from "../cluster/over-ssh/ssh-access.ts";
import { watchCluster } from "../cluster/watch-cluster.ts";
import { cutToWidth } from "../terminal/display-width.ts";
import { formatSeconds } from "../report/amounts.ts";
import { UserError } from "../report/user-error.ts";
import { commandLine } from "../system/run/run-tool.ts";
import { canRedraw } from "../terminal/kind.ts";
import { createLiveLines } from "../terminal/live-lines.ts";
import type { Context } from "../terminal/context.ts";
import { parseDuration } from "../terminal/duration.ts";
import { openCurrentSecrets } from "./current-secrets.ts";
import { runningMinor } from "../cluster/running-minor.ts";
import { tellRun } from "./tell-run.ts";
import { readerGone } from "../terminal/output-streams.ts";

const watchOptions = z.object({
  inventory: z.string(),
  identity: z.string().optional(),
  out: z.string(),
  timeout: z.string(),
  interval: z.string(),
});

type OnView = (view: ClusterView, elapsedMs: number) => void;

const progress = ({ nodes }: ClusterView, elapsedMs: number): string => {
  const ready = nodes.filter((node) => node.ready).length;
  return `${ready} of ${nodes.length} nodes Ready after ${formatSeconds(elapsedMs / 1000)}`;
};

/** Redraws the whole table in place, also when the size of the terminal changes. */
const drawTable = (context: Context): OnView => {
  const paint = pc.createColors(context.color);
  const paints: Record<Line["kind"], (text: string) => string> = {
    head: paint.bold,
    ready: paint.green,
    node: (text) => text,
    remark: paint.yellow,
  };
  const { stderr } = process;
  const columns = () => stderr.columns || 80;
  const { draw } = createLiveLines({
    write: (text) => stderr.write(text),
    columns,
    rows: () => stderr.rows || 24,
  });
  let last: Parameters<OnView> | undefined;
  const drawLast = (): void => {
    if (last !== undefined) {
      const room = columns() - 1;
      draw([
        ...renderView(last[0], room).map(({ text, kind }) =>
          paints[kind](text),
        ),
        cutToWidth(progress(...last), room),
      ]);
    }
  };
  stderr.on("resize", drawLast);
  return (...seen) => {
    last = seen;
    drawLast();
  };
};

/** Prints a line for each node, and for the API server, whenever it has changed. */
const logChanges = (context: Context): OnView => {
  const last = new Map<string, string>();
  return ({ nodes, api }, elapsedMs) => {
    const lines = new Map(
      nodes.map((node) => [node.name, renderNodeLine(node)]),
    );
    lines.set("", api?.message ?? "the API server answers");
    for (const [key, line] of lines) {
      if (last.get(key) !== line) {
        context.remark(`[${formatSeconds(elapsedMs / 1000)}] ${line}`);
        last.set(key, line);
      }
    }
  };
};

/** `age` is left out, because it changes at every look. */
const nodeRecord = ({ status, age: _age, ...node }: NodeView) => ({
  type: "node",
  ...node,
  ...(status?.ok === true && {
    phase: status.status.phase,
    state: status.status.state,
    message: status.status.message,
    notes: status.status.notes,
  }),
  ...(status?.ok === false && { statusUnknown: status.because }),
});

const recordChanges = (context: Context): OnView => {
  const last = new Map<string, string>();
  return ({ nodes, api }, elapsedMs) => {
    const records = [
      {
        type: "api",
        answers: api === undefined,
        kind: api?.kind,
        message: api?.message,
      },
      ...nodes.map(nodeRecord),
    ];
    let changed = false;
    for (const [key, record] of records.entries()) {
      const text = JSON.stringify(record);
      if (last.get(`${key}`) !== text) {
        context.printJson({
          ...record,
          elapsed: Math.round(elapsedMs) / 1000,
        });
        last.set(`${key}`, text);
        changed = true;
      }
    }
    if (!changed) {
      // This also shows whether anybody still reads: a pipe without a reader refuses a write, and there is no other sign.
      context.printJson({
        type: "waiting",
        elapsed: Math.round(elapsedMs) / 1000,
      });
    }
  };
};

/**
 * With --json, records are all that a watch is for, so it ends when nobody reads them any more, even in the middle of a
 * pause.
 */
const whileRead = async <T>(
  { json, signal }: Context,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  if (!json) {
    return work(signal);
  }
  // AbortSignal.any() is no use here: in Node 20, signals that only it refers to can be garbage-collected.
  const end = new AbortController();
  const stop = () => end.abort(signal.reason);
  const leave = () =>
    end.abort(
      new UserError("CANCELLED", "whoever read the records has gone", {
        state: "nothing was changed; the cluster goes on without being watched",
      }),
    );
  if (signal.aborted) {
    stop();
  }
  signal.addEventListener("abort", stop);
  readerGone.addEventListener("abort", leave);
  try {
    return await work(end.signal);
  } catch (error) {
    end.signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    readerGone.removeEventListener("abort", leave);
  }
};

const viewerFor = (context: Context): OnView => {
  if (context.json) {
    return recordChanges(context);
  }
  if (context.quiet) {
    return () => undefined;
  }
  return canRedraw(context.env, process.stderr)
    ? drawTable(context)
    : logChanges(context);
};

export const watch = async (
  context: Context,
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = watchOptions.parse(given);
  const timeoutMs = parseDuration(options.timeout, "--timeout");
  const intervalMs = parseDuration(options.interval, "--interval");
  const { project, folder, secrets } = await openCurrentSecrets(
    context,
    options,
  );
  demandAdminCertificate(secrets, new Date());
  const show = viewerFor(context);
  let runs = false;
  let minor: string | undefined;
  const onView: OnView = (view, elapsed) => {
    runs ||= view.api === undefined;
    minor = runningMinor(view, project) ?? minor;
    show(view, elapsed);
  };
  const watching = withSshAccess(project, secrets, (sshConfig) =>
    whileRead(context, (signal) =>
      watchCluster(
        {
          project,
          secrets,
          sshConfig,
          sshCommand: commandLine("ssh", [
            "-F",
            join(options.out, "ssh_config"),
          ]),
          now: () => new Date(),
          signal,
        },
        { timeoutMs, intervalMs, onView },
      ),
    ),
  );
  const { nodes } = await watching.finally(() =>
    runs
      ? tellRun(context, folder, options.inventory, secrets, minor)
      : Promise.resolve(),
  );
  context.printJson({
    type: "result",
    cluster: project.cluster.name,
    ready: true,
    nodes: nodes.map(({ name }) => name),
  });
  context.print(
    `The cluster ${project.cluster.name} is complete: ${nodes.length === 1 ? "its node is" : `all ${nodes.length} nodes are`} Ready${nodes.every(({ joins }) => joins) ? "" : " or done"}.`,
  );
};
