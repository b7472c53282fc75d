// What a test has made and has to take away again, whatever happens: the last made goes first.
type Undo = () => Promise<unknown> | void;

export type Cleanup = {
  readonly defer: (undo: Undo) => void;
  readonly run: () => Promise<void>;
};

export const makeCleanup = (): Cleanup => {
  const undos: Undo[] = [];
  return {
    defer: (undo) => undos.push(undo),
    run: async () => {
      const failures: unknown[] = [];
      for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) {
        try {
          await undo();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) {
        throw new AggregateError(failures, "something was not taken away");
      }
    },
  };
};
