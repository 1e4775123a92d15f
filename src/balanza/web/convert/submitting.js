// Asking for the conversions: one by itself, several in batches, which the server takes or refuses as a whole.
import { convert, convertBatch, UNREACHABLE } from '../api.js';
import { estimatesOf, isOfChoice } from './outcome.js';

const MOST_IN_BATCH = 200;
/** Refusals that one file of a batch may be the cause of. */
const OF_ONE = new Set(['not-found', 'gone', 'in-trash', 'conflict', 'missing-stream', 'invalid-option']);
const isOfOne = (problem) => OF_ONE.has(problem.slug) && !isOfChoice(problem);
const OF_TOO_MANY = 'quota-exceeded';
/** After these nobody knows whether there are jobs now. */
const isOfAnswer = ({ slug, status }) => slug === UNREACHABLE || slug === 'unexpected' || status >= 500;

/** What is asked for in an open dialog: asked again, after a lost answer or when some were refused, it makes no job twice.
 * `unknown` are groups of files whose answer was lost: they are asked for again just as they were, under the same key. */
export const newWish = () => ({ keys: new Map(), accepted: new Map(), unknown: new Set() });

/**
 * Submits what has not been accepted yet. Answers the ids of the new jobs, and what was refused: `{items, problem}`, the
 * files that one problem is about. `wanted` is what all files are to become: format, options, priority, goal.
 */
export async function submitAll(media, wanted, wish) {
  const before = new Set(wish.accepted.keys());
  const refused = [];
  for (const group of groupsOf(media.filter(({ id }) => !before.has(id)), wish)) {
    refused.push(...(await submit(group, wanted, wish)));
  }
  const jobs = [...wish.accepted].filter(([id]) => !before.has(id)).map(([, job]) => job);
  return { jobs, refused: merged(refused) };
}

/** Those that went together and got no answer, where all of them are asked for again; then the rest. */
function groupsOf(items, wish) {
  const ids = new Set(items.map(({ id }) => id));
  const groups = [...wish.unknown].filter((group) => group.every(({ id }) => ids.has(id)));
  const again = new Set(groups.flat().map(({ id }) => id));
  const rest = items.filter(({ id }) => !again.has(id));
  for (let first = 0; first < rest.length; first += MOST_IN_BATCH) groups.push(rest.slice(first, first + MOST_IN_BATCH));
  return groups;
}

/** Each problem once. */
export function merged(refused) {
  const found = new Map();
  for (const { items, problem } of refused) {
    const key = JSON.stringify([problem.slug, problem.detail]);
    found.set(key, { items: [...(found.get(key)?.items ?? []), ...items], problem });
  }
  return [...found.values()];
}

async function submit(items, wanted, wish) {
  wish.unknown.add(items);
  try {
    await (items.length === 1 ? alone(items[0], wanted, wish) : together(items, wanted, wish));
    wish.unknown.delete(items);
    return [];
  } catch (problem) {
    if (problem.slug === undefined) throw problem;
    if (!isOfAnswer(problem)) wish.unknown.delete(items);
    if (items.length > 1 && isOfOne(problem)) return withoutRefused(items, problem, wanted, wish);
    if (items.length > 1 && problem.slug === OF_TOO_MANY) return oneByOne(items, wanted, wish);
    return [{ items, problem }];
  }
}

async function alone(item, { goal, ...wanted }, wish) {
  const body = { input_file: item.id, ...wanted };
  const { job_id: job } = await convert(body, keyOf(body, wish));
  wish.accepted.set(item.id, job);
}

async function together(items, wanted, wish) {
  const body = { input_files: items.map(({ id }) => id), ...wanted };
  const { jobs } = await convertBatch(body, keyOf(body, wish));
  items.forEach(({ id }, number) => wish.accepted.set(id, jobs[number].job_id));
}

/** The problem of a batch is that of one file or some; the others stay together. */
async function withoutRefused(items, problem, wanted, wish) {
  const { problems } = await estimatesOf(items, wanted.output_format, wanted.options);
  const wrong = new Set(problems.flatMap((one) => one.items));
  if (wrong.size === 0) return [{ items, problem }];
  const rest = items.filter((item) => !wrong.has(item));
  return rest.length === 0 ? problems : [...problems, ...(await submit(rest, wanted, wish))];
}

/** As many as there is room for. */
async function oneByOne(items, wanted, wish) {
  const refused = [];
  for (const [number, item] of items.entries()) {
    const [found] = await submit([item], wanted, wish);
    if (found && !isOfOne(found.problem)) return [...refused, { ...found, items: items.slice(number) }];
    if (found) refused.push(found);
  }
  return refused;
}

/** The same for the same request: the server then answers with the jobs of then. */
function keyOf(body, { keys }) {
  const request = JSON.stringify(body);
  if (!keys.has(request)) keys.set(request, newKey());
  return keys.get(request);
}

const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
