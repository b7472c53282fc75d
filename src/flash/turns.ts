// Lets steps of several targets happen one after the other.

/** Runs a step once all steps that were handed in before it have ended, whether or not they failed. */
export type InTurn = <Result>(step: () => Promise<Result>) => Promise<Result>;

export const createTurns = (): InTurn => {
  let last: Promise<unknown> = Promise.resolve();
  return (step) => {
    const mine = last.then(step, step);
    last = mine;
    return mine;
  };
};
