// A day, or a second, as people, certificates and file names write it.

/** Such as "2026-11-29", in UTC. */
export const day = (date: Date): string => date.toISOString().slice(0, 10);

/** Such as "20261129T081500Z", for names of files: they sort by time. */
export const secondStamp = (date: Date): string =>
  date.toISOString().replaceAll(/[-:]|\.\d+/g, "");
