// A day as people and certificates write it.

/** Such as "2026-11-29", in UTC. */
export const day = (date: Date): string => date.toISOString().slice(0, 10);
