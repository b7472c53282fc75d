// A first-in, first-out queue between asynchronous functions.

export type Queue<Item> = AsyncIterable<Item> & {
  readonly push: (item: Item) => void;
  /** Readers end when the queue is empty. */
  readonly close: () => void;
};

/**
 * Each item goes to one of the readers.
 * @param lag how many items stay in the queue until it is closed
 */
export const createQueue = <Item extends object>(lag = 0): Queue<Item> => {
  const items: Item[] = [];
  let closed = false;
  let waiting: (() => void)[] = [];
  const wake = (): void => {
    const woken = waiting;
    waiting = [];
    for (const resolve of woken) {
      resolve();
    }
  };
  return {
    push: (item) => {
      items.push(item);
      wake();
    },
    close: () => {
      closed = true;
      wake();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const item =
          items.length > (closed ? 0 : lag) ? items.shift() : undefined;
        if (item !== undefined) {
          yield item;
        } else if (closed) {
          return;
        } else {
          await new Promise<void>((resolve) => waiting.push(resolve));
        }
      }
    },
  };
};
