// cloud-init's own command, started once for many files: its imports take a second.
import { judge, type Verdict } from "./judge.ts";

/** Runs the commands of standard input one after the other, as /usr/bin/cloud-init does. */
const PROGRAM = `
import contextlib, io, json, sys
from cloudinit.cmd.main import main
verdicts = []
for args in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            sys.argv = ["cloud-init", *args]
            status = main(sys.argv)
        except SystemExit as end:
            status = end.code
            if isinstance(status, str):
                print(status)
                status = 1
        except Exception as error:
            print(error)
            status = 1
    verdicts.append({"status": status or 0, "output": said.getvalue()})
print(json.dumps(verdicts))
`;

/** What \`cloud-init schema\` says of each of these files. */
export const schemaVerdicts = (
  paths: readonly string[],
  ...options: readonly string[]
): ReadonlyMap<string, Verdict> => {
  const commands = paths.map((path) => ["schema", ...options, "-c", path]);
  const { status, output } = judge(
    "/usr/bin/python3",
    ["-c", PROGRAM],
    JSON.stringify(commands),
  );
  if (status !== 0) {
    throw new Error(output);
  }
  const verdicts = JSON.parse(output) as readonly Verdict[];
  return new Map(
    paths.map((path, at) => [
      path,
      verdicts[at] ?? { status: null, output: "no verdict" },
    ]),
  );
};
