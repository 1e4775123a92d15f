// What the charts show of the numbers that the server keeps.

const LATELY = 12;

const known = (values) => values.filter((value) => value !== null);
const mean = (values) => (values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length);

/** The `most` workers with the highest values lately, by name: so that the lines keep their colours. */
export function busiest(workers, most) {
  if (workers.length <= most) return workers;
  const height = new Map(workers.map((worker) => [worker, mean(known(worker.values.slice(-LATELY))) ?? -1]));
  const chosen = new Set([...workers].sort((a, b) => height.get(b) - height.get(a)).slice(0, most));
  return workers.filter((worker) => chosen.has(worker));
}

/** At each moment, of all workers that were measured then. */
export const meanOf = ({ at, workers }) => at.map((_, index) => mean(known(workers.map((worker) => worker.values[index]))));

const LEAST_SECONDS = 30; // over less, one conversion makes a peak

/** How much a counter grew per minute, at each moment, over the minute before it. A counter that falls grew by nothing. */
export function rates(at, counts) {
  let from = 0;
  return at.map((moment, index) => {
    while (at[from + 1] <= moment - 60) from += 1;
    const passed = moment - at[from];
    return passed < LEAST_SECONDS ? null : (Math.max(0, counts[index] - counts[from]) * 60) / passed;
  });
}
