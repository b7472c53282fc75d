// Where the rooms of the house stand in its drawing: floors, the order on each floor, and the way of each arrow.
import type { Imports } from "./imports.ts";

/** A room, or the place where a long arrow passes a floor. */
export type Spot = {
  readonly floor: number;
  /** The room's name; undefined for a passing arrow. */
  readonly room: string | undefined;
  /** The middle, in pixels. */
  x: number;
  readonly up: Spot[];
  readonly down: Spot[];
};

export type Layout = {
  /** From the ground floor up; each from left to right. */
  readonly floors: readonly (readonly Spot[])[];
  /** An arrow for each import: the spots from the importer down. */
  readonly arrows: readonly (readonly Spot[])[];
};

const ROOM_WIDTH = 124;
const PASSING_WIDTH = 28;
const ROUNDS = 24;

/** A room stands one floor above the highest room that it imports. */
const floorsOf = (imports: Imports): ReadonlyMap<string, number> => {
  const floors = new Map<string, number>();
  const floorOf = (room: string): number => {
    const known = floors.get(room);
    if (known !== undefined) {
      return known;
    }
    const below = [...(imports.get(room) ?? [])].map(floorOf);
    const floor = Math.max(-1, ...below) + 1;
    floors.set(room, floor);
    return floor;
  };
  for (const room of imports.keys()) {
    floorOf(room);
  }
  return floors;
};

const mean = (spots: readonly Spot[], otherwise: number): number =>
  spots.length === 0
    ? otherwise
    : spots.reduce((sum, { x }) => sum + x, 0) / spots.length;

const gap = (left: Spot, right: Spot): number =>
  [left, right].reduce(
    (sum, { room }) =>
      sum + (room === undefined ? PASSING_WIDTH : ROOM_WIDTH) / 2,
    0,
  );

/** As near to `wanted` as the neighbours let each: between what comes of starting left and of starting right. */
const spread = (floor: readonly Spot[], wanted: readonly number[]): void => {
  const fromLeft: number[] = [];
  for (const [at, spot] of floor.entries()) {
    const left = floor[at - 1];
    const least =
      left === undefined
        ? -Infinity
        : (fromLeft[at - 1] ?? 0) + gap(left, spot);
    fromLeft.push(Math.max(wanted[at] ?? 0, least));
  }
  let edge = Infinity;
  for (const [at, spot] of [...floor.entries()].toReversed()) {
    const right = floor[at + 1];
    const most = right === undefined ? Infinity : edge - gap(spot, right);
    edge = Math.min(wanted[at] ?? 0, most);
    spot.x = (edge + (fromLeft[at] ?? 0)) / 2;
  }
};

/** @param imports of rooms, without circles; the same input always gives the same drawing */
export const layOut = (imports: Imports): Layout => {
  const floorOf = floorsOf(imports);
  const floors: Spot[][] = [];
  const stand = (floor: number, room: string | undefined): Spot => {
    const row = (floors[floor] ??= []);
    const spot: Spot = {
      floor,
      room,
      x: row.length * ROOM_WIDTH,
      up: [],
      down: [],
    };
    row.push(spot);
    return spot;
  };
  const byFloor = [...floorOf].toSorted(
    ([a, low], [b, high]) => low - high || (a < b ? -1 : 1),
  );
  const spots = new Map(
    byFloor.map(([room, floor]) => [room, stand(floor, room)]),
  );
  const arrows: Spot[][] = [];
  for (const [room] of byFloor) {
    for (const target of [...(imports.get(room) ?? [])].toSorted()) {
      const from = spots.get(room);
      const to = spots.get(target);
      if (from === undefined || to === undefined) {
        throw new Error(`src/${target} is imported and has no file.`);
      }
      const way = [from];
      for (let floor = from.floor - 1; floor > to.floor; floor -= 1) {
        way.push(stand(floor, undefined));
      }
      way.push(to);
      for (const [at, spot] of way.entries()) {
        const below = way[at + 1];
        if (below !== undefined) {
          spot.down.push(below);
          below.up.push(spot);
        }
      }
      arrows.push(way);
    }
  }
  // Sugiyama's way: each floor is ordered by the middle of its neighbours, downwards and upwards in turn, until little crosses.
  for (let round = 0; round < ROUNDS; round += 1) {
    const down = round % 2 === 0;
    for (const row of down ? floors.toReversed() : floors) {
      const wanted = new Map(
        row.map((spot) => [spot, mean(down ? spot.up : spot.down, spot.x)]),
      );
      row.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
      spread(
        row,
        row.map((spot) => wanted.get(spot) ?? 0),
      );
    }
  }
  return { floors, arrows };
};
